// SQLite with types: one connection, used by one thread at a time.
// Errors: Error(disk) the medium cannot take or give data (full, I/O error, cannot be opened), Error(tampered) the file
// is not a sound database, Error(unavailable) another connection kept it locked, Error(conflict) a constraint does not
// hold, Error(internal) anything else. The field is the database's path. A failed statement changes nothing.
#pragma once
#include <base/bytes.hpp>
#include <base/error.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>

struct sqlite3;
struct sqlite3_stmt;

namespace concordat::store {

// full: a commit is on the disk when it returns. normal: a power cut may lose the last commits, but breaks nothing.
enum class Durability { full, normal };

class Database;

// A prepared statement, borrowed from its database and reset when it goes. Text and bytes are copied when bound.
class Statement {
  public:
    Statement(Statement&& other) noexcept;
    Statement& operator=(Statement&&) = delete;
    ~Statement();

    // Parameters count from 1 in the order of bind calls.
    Statement& bind(std::int64_t value);
    Statement& bind(std::string_view value);
    Statement& bind(const char* value) { return bind(std::string_view(value)); }
    Statement& bind(ByteView value);
    Statement& bind(const Hash256& value) { return bind(value.view()); }
    Statement& bind(std::nullptr_t);
    template <class T>
    Statement& bind(const std::optional<T>& value) {
        return value ? bind(*value) : bind(nullptr);
    }
    // Other integers would be ambiguous or cut off; u64 beyond int64 aborts.
    Statement& bind(int value) { return bind(std::int64_t{value}); }
    Statement& bind(std::uint32_t value) { return bind(std::int64_t{value}); }
    Statement& bind(std::uint64_t value);

    bool step();         // true: there is a row
    void run();          // for statements without rows; a row is an Error(internal)
    Statement& reset();  // ready for other values

    // Columns of the current row count from 0. Views live until the next step, reset or the statement's end.
    // Error(tampered) when the column holds another type.
    std::int64_t integer(int column) const;
    std::string_view text(int column) const;
    ByteView bytes(int column) const;
    Hash256 hash(int column) const;
    bool is_null(int column) const;

  private:
    friend class Database;
    Statement(Database& database, sqlite3_stmt* statement, std::string key);
    void check(int result) const;
    void expect(int column, int type) const;

    Database* database_;
    sqlite3_stmt* statement_;
    std::string key_;  // its text, under which it goes back to the cache
    int bound_ = 0;
};

class Database {
  public:
    static constexpr std::size_t max_cached_statements = 128;
    static constexpr int busy_timeout_ms = 5000;

    // Opens or creates. `path` may be ":memory:".
    Database(std::string path, Durability durability);
    ~Database();
    Database(const Database&) = delete;
    Database& operator=(const Database&) = delete;

    // Runs migrations[user_version …], each in a transaction with the new user_version: `migrations` only ever grows.
    // Throws Error(config) when the file was written by a newer program.
    void migrate(std::span<const std::string_view> migrations);
    void execute(const std::string& sql);  // any number of statements, no values
    // One statement. From the cache, unless the same text is in use at this moment (in a loop over its rows, say).
    Statement prepare(std::string_view sql);

    std::int64_t last_insert_id() const;
    std::int64_t changes() const;  // rows that the last statement touched
    // Throws Error(tampered) with what SQLite's integrity check found first.
    void check_integrity();
    const std::string& path() const { return path_; }
    bool in_transaction() const;

  private:
    friend class Statement;
    friend class Transaction;
    [[noreturn]] void fail(int result) const;
    void check(int result) const;
    void give_back(std::string key, sqlite3_stmt* statement);
    void open(Durability durability);
    std::int64_t pragma(const std::string& name);

    std::string path_;
    sqlite3* handle_ = nullptr;
    std::unordered_map<std::string, sqlite3_stmt*> idle_;
};

// BEGIN IMMEDIATE; rolls back when it goes without commit. Not nested.
class Transaction {
  public:
    explicit Transaction(Database& database);
    ~Transaction();
    Transaction(const Transaction&) = delete;
    Transaction& operator=(const Transaction&) = delete;
    void commit();  // throws as a statement does; then everything is rolled back

  private:
    Database& database_;
    bool open_ = false;
};

}  // namespace concordat::store
