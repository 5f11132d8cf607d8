#include "database.hpp"

#include <sqlite3.h>

#include <utility>

namespace concordat::store {
namespace {

Code code_of(int result) {
    switch (result & 0xFF) {
        case SQLITE_FULL:
        case SQLITE_IOERR:
        case SQLITE_CANTOPEN:
        case SQLITE_READONLY:
        case SQLITE_PERM:
            return Code::disk;
        case SQLITE_CORRUPT:
        case SQLITE_NOTADB:
            return Code::tampered;
        case SQLITE_BUSY:
        case SQLITE_LOCKED:
            return Code::unavailable;
        case SQLITE_CONSTRAINT:
            return Code::conflict;
        case SQLITE_TOOBIG:
            return Code::too_large;
        default:
            return Code::internal;
    }
}

}  // namespace

Statement::Statement(Database& database, sqlite3_stmt* statement, std::string key)
    : database_(&database), statement_(statement), key_(std::move(key)) {}

Statement::Statement(Statement&& other) noexcept
    : database_(other.database_),
      statement_(std::exchange(other.statement_, nullptr)),
      key_(std::move(other.key_)),
      bound_(other.bound_) {}

Statement::~Statement() {
    if (statement_ != nullptr) database_->give_back(std::move(key_), statement_);
}

void Statement::check(int result) const { database_->check(result); }

Statement& Statement::bind(std::int64_t value) {
    check(sqlite3_bind_int64(statement_, ++bound_, value));
    return *this;
}

Statement& Statement::bind(std::uint64_t value) {
    if (value > std::uint64_t{INT64_MAX}) panic("store: an unsigned value does not fit SQLite's integer");
    return bind(static_cast<std::int64_t>(value));
}

Statement& Statement::bind(std::string_view value) {
    // A null pointer would bind NULL.
    const char* data = value.data() == nullptr ? "" : value.data();
    check(sqlite3_bind_text64(statement_, ++bound_, data, value.size(), SQLITE_TRANSIENT, SQLITE_UTF8));
    return *this;
}

Statement& Statement::bind(ByteView value) {
    const void* data = value.empty() ? static_cast<const void*>("") : value.data();
    check(sqlite3_bind_blob64(statement_, ++bound_, data, value.size(), SQLITE_TRANSIENT));
    return *this;
}

Statement& Statement::bind(std::nullptr_t) {
    check(sqlite3_bind_null(statement_, ++bound_));
    return *this;
}

bool Statement::step() {
    const int result = sqlite3_step(statement_);
    if (result == SQLITE_ROW) return true;
    if (result == SQLITE_DONE) return false;
    database_->fail(result);
}

void Statement::run() {
    if (step()) throw Error(Code::internal, database_->path(), "the statement must not give rows: " + key_);
}

Statement& Statement::reset() {
    sqlite3_reset(statement_);  // repeats the last step's error, which was thrown already
    sqlite3_clear_bindings(statement_);
    bound_ = 0;
    return *this;
}

void Statement::expect(int column, int type) const {
    if (column >= sqlite3_data_count(statement_)) panic("store: no row, or no such column");
    if (sqlite3_column_type(statement_, column) == type) return;
    throw Error(Code::tampered, database_->path(),
                std::string("a column does not hold its type: ") + sqlite3_column_name(statement_, column));
}

std::int64_t Statement::integer(int column) const {
    expect(column, SQLITE_INTEGER);
    return sqlite3_column_int64(statement_, column);
}

std::string_view Statement::text(int column) const {
    expect(column, SQLITE_TEXT);
    const auto* data = reinterpret_cast<const char*>(sqlite3_column_text(statement_, column));
    return {data, static_cast<std::size_t>(sqlite3_column_bytes(statement_, column))};
}

ByteView Statement::bytes(int column) const {
    expect(column, SQLITE_BLOB);
    const auto* data = static_cast<const std::uint8_t*>(sqlite3_column_blob(statement_, column));
    return {data, static_cast<std::size_t>(sqlite3_column_bytes(statement_, column))};
}

Hash256 Statement::hash(int column) const {
    const ByteView view = bytes(column);
    if (view.size() != 32)
        throw Error(Code::tampered, database_->path(),
                    std::string("a column does not hold 32 bytes: ") + sqlite3_column_name(statement_, column));
    return Hash256::from(view);
}

bool Statement::is_null(int column) const {
    if (column >= sqlite3_data_count(statement_)) panic("store: no row, or no such column");
    return sqlite3_column_type(statement_, column) == SQLITE_NULL;
}

Database::Database(std::string path, Durability durability) : path_(std::move(path)) {
    try {
        open(durability);
    } catch (...) {
        sqlite3_close(handle_);
        throw;
    }
}

void Database::open(Durability durability) {
    const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
    check(sqlite3_open_v2(path_.c_str(), &handle_, flags, nullptr));
    sqlite3_busy_timeout(handle_, busy_timeout_ms);
    // The file may come from outside: its schema must not call functions with side effects.
    sqlite3_db_config(handle_, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, nullptr);
    sqlite3_db_config(handle_, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
    execute("PRAGMA journal_mode=WAL; PRAGMA foreign_keys=ON; PRAGMA temp_store=MEMORY;");
    execute(durability == Durability::full ? "PRAGMA synchronous=FULL" : "PRAGMA synchronous=NORMAL");
}

Database::~Database() {
    for (auto& [key, statement] : idle_) sqlite3_finalize(statement);
    if (sqlite3_close(handle_) == SQLITE_BUSY) panic("store: a database was closed before its statements");
}

void Database::fail(int result) const {
    const std::string reason = handle_ != nullptr ? sqlite3_errmsg(handle_) : sqlite3_errstr(result);
    throw Error(code_of(result), path_, reason);
}

void Database::check(int result) const {
    if (result != SQLITE_OK) fail(result);
}

void Database::execute(const std::string& sql) { check(sqlite3_exec(handle_, sql.c_str(), nullptr, nullptr, nullptr)); }

std::int64_t Database::pragma(const std::string& name) {
    auto statement = prepare("PRAGMA " + name);
    return statement.step() ? statement.integer(0) : 0;
}

void Database::migrate(std::span<const std::string_view> migrations) {
    const auto latest = static_cast<std::int64_t>(migrations.size());
    Transaction transaction(*this);  // its lock makes two programs that start together take turns
    const auto version = pragma("user_version");
    if (version > latest)
        throw Error(Code::config, path_, "was written by a newer program: its version is " + std::to_string(version));
    for (auto i = version; i < latest; ++i) execute(std::string(migrations[static_cast<std::size_t>(i)]));
    execute("PRAGMA user_version=" + std::to_string(latest));
    transaction.commit();
}

Statement Database::prepare(std::string_view sql) {
    std::string key(sql);
    if (const auto found = idle_.find(key); found != idle_.end()) {
        sqlite3_stmt* statement = found->second;
        idle_.erase(found);
        return Statement(*this, statement, std::move(key));
    }
    sqlite3_stmt* statement = nullptr;
    check(sqlite3_prepare_v3(handle_, key.data(), static_cast<int>(key.size()), SQLITE_PREPARE_PERSISTENT, &statement,
                             nullptr));
    if (statement == nullptr) panic("store: an empty statement");
    return Statement(*this, statement, std::move(key));
}

void Database::give_back(std::string key, sqlite3_stmt* statement) {
    sqlite3_reset(statement);
    sqlite3_clear_bindings(statement);
    if (idle_.size() >= max_cached_statements || !idle_.emplace(std::move(key), statement).second)
        sqlite3_finalize(statement);
}

std::int64_t Database::last_insert_id() const { return sqlite3_last_insert_rowid(handle_); }
std::int64_t Database::changes() const { return sqlite3_changes64(handle_); }
bool Database::in_transaction() const { return sqlite3_get_autocommit(handle_) == 0; }

void Database::check_integrity() {
    auto statement = prepare("PRAGMA integrity_check(1)");
    if (!statement.step() || statement.text(0) != "ok")
        throw Error(Code::tampered, path_, "must pass the integrity check: " + std::string(statement.text(0)));
}

Transaction::Transaction(Database& database) : database_(database) {
    if (database_.in_transaction()) panic("store: transactions do not nest");
    database_.prepare("BEGIN IMMEDIATE").run();
    open_ = true;
}

Transaction::~Transaction() {
    // SQLite may have rolled back by itself already, after a full disk for instance.
    if (open_ && database_.in_transaction()) sqlite3_exec(database_.handle_, "ROLLBACK", nullptr, nullptr, nullptr);
}

void Transaction::commit() {
    if (!database_.in_transaction())
        throw Error(Code::disk, database_.path(), "the transaction was rolled back by an earlier error");
    database_.prepare("COMMIT").run();
    open_ = false;
}

}  // namespace concordat::store
