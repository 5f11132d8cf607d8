#include "sample_service.hpp"

#include <stdlib.h>
#include <base/file.hpp>
#include <crypto/hash.hpp>
#include <filesystem>
#include <thread>

namespace concordat::ledger::conformance {

namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

const std::string source = CONCORDAT_SOURCE_DIR;
const std::string database_script = source + "/samples/services/database";

std::string output_of(const std::string& command) {
    const std::unique_ptr<FILE, int (*)(FILE*)> pipe(::popen(command.c_str(), "r"), ::pclose);
    std::string out;
    char part[4096];
    for (std::size_t size; (size = ::fread(part, 1, sizeof part, pipe.get())) > 0;) out.append(part, size);
    return out;
}

std::size_t number_of(const std::string& text) { return std::stoul(text); }

// samples/services/payments: what is tried is held of the payer's balance.
class Payments final : public SampleService {
  public:
    Payments(Database& database, std::string name) : database_(database), name_(std::move(name)) {}

    std::string folder() const override { return "payments"; }
    json::Object prepare(const std::string&) override { return {}; }
    void started() override { query("INSERT INTO accounts VALUES ('payer', 1000000), ('payee', 0)"); }
    std::string resource() const override { return "payments"; }
    json::Object arguments(std::uint64_t tag, Behaviour behaviour) const override {
        return {{"from", "payer"},
                {"to", "payee"},
                {"amount", behaviour == Behaviour::succeeds ? "1.50" : "99999999"},
                {"reference", std::to_string(tag)}};
    }
    std::size_t effects(std::uint64_t tag) override {
        return number_of(query("SELECT count(*) FROM steps WHERE reference = '" + std::to_string(tag) +
                               "' AND state IN ('reserved', 'paid')"));
    }
    void let_expire(std::uint64_t tag) override {
        query("UPDATE steps SET holds_until = now() WHERE reference = '" + std::to_string(tag) + "'");
    }
    Books books() override {
        if (query("SELECT sum(balance) = 1000000 FROM accounts") != "t\n") throw std::runtime_error("money is lost");
        return {.held = number_of(query("SELECT (held / 1.5)::integer FROM accounts WHERE name = 'payer'")),
                .moved = number_of(query("SELECT (balance / 1.5)::integer FROM accounts WHERE name = 'payee'"))};
    }

  private:
    std::string query(const std::string& text) const { return database_.query(name_, text); }

    Database& database_;
    std::string name_;
};

// samples/services/postgres: what is tried is a prepared transaction.
class Postgres final : public SampleService {
  public:
    Postgres(Database& database, std::string name) : database_(database), name_(std::move(name)) {}

    std::string folder() const override { return "postgres"; }
    json::Object prepare(const std::string& folder) override {
        const std::string tables = output_of("node " + program_of(*this) + " schema concordat");
        query("CREATE TABLE payments (reference text PRIMARY KEY, amount numeric CHECK (amount < 1000))");
        query(tables);
        const json::Object argument{{"type", "text"}};
        const json::Object statement{
            {"sql", "INSERT INTO payments (reference, amount) VALUES (:reference, :amount::numeric)"}};
        const json::Object reserve{{"arguments", json::Object{{"reference", argument}, {"amount", argument}}},
                                   {"statements", json::Array{statement}}};
        const json::Object operations{{"resource", "books"}, {"operations", json::Object{{"reserve", reserve}}}};
        write_file_atomic(folder + "/operations.json", bytes_of(json::canonical(operations)));
        return {{"operations", "operations.json"}};
    }
    std::string resource() const override { return "books"; }
    json::Object arguments(std::uint64_t tag, Behaviour behaviour) const override {
        return {{"amount", behaviour == Behaviour::succeeds ? "1.50" : "99999999"}, {"reference", std::to_string(tag)}};
    }
    std::size_t effects(std::uint64_t tag) override {
        return number_of(query("SELECT count(*) FROM payments WHERE reference = '" + std::to_string(tag) + "'")) +
               number_of(query(prepared("count(*)") + " AND gid LIKE '%/" + step_of(tag).hex() + "/%'"));
    }
    void let_expire(std::uint64_t tag) override {
        query("UPDATE concordat_participant.steps SET holds_until = now() WHERE step = '" + step_of(tag).text() + "'");
    }
    Books books() override {
        return {.held = number_of(query(prepared("count(*)"))),
                .moved = number_of(query("SELECT count(*) FROM payments"))};
    }
    // The server has room for so many of all databases together.
    void ended() override {
        std::istringstream names(query(prepared("gid")));
        for (std::string name; std::getline(names, name);) query("ROLLBACK PREPARED '" + name + "'");
    }

  private:
    static std::string prepared(const std::string& what) {
        return "SELECT " + what + " FROM pg_prepared_xacts WHERE database = current_database()";
    }
    std::string query(const std::string& text) const { return database_.query(name_, text); }

    Database& database_;
    std::string name_;
};

}  // namespace

bool services_are_installed() {
    return fs::exists(source + "/build/services/dist/postgres") && fs::exists("/usr/lib/postgresql/15/bin/initdb");
}

std::string temporary_folder() {
    std::string folder = (fs::temp_directory_path() / "ledger_participant_XXXXXX").string();
    if (::mkdtemp(folder.data()) == nullptr) throw std::runtime_error("no temporary folder");
    return folder;
}

void wait_until(const std::string& what, const std::function<bool()>& ready) {
    const auto end = std::chrono::steady_clock::now() + 30s;
    while (!ready()) {
        if (std::chrono::steady_clock::now() >= end) throw std::runtime_error(what + " does not start");
        std::this_thread::sleep_for(20ms);
    }
}

Database::Database() : folder_(temporary_folder()) {
    if (std::system((database_script + " init " + folder_).c_str()) != 0) throw std::runtime_error("no database");
    server_.command = {"/bin/sh", database_script, "serve", folder_};
    server_.log = folder_ + "/server.log";
    server_.start(false);
    wait_until("the database", [&] { return query("postgres", "SELECT 1") == "1\n"; });
}

Database::~Database() {
    server_.end();
    fs::remove_all(folder_);
}

std::string Database::create() {
    std::string name = "test" + std::to_string(++count_);
    query("postgres", "CREATE DATABASE " + name);
    return name;
}

std::string Database::query(const std::string& name, const std::string& text) const {
    std::string quoted;
    for (const char c : text) quoted += c == '\'' ? "'\\''" : std::string(1, c);
    return output_of("psql -h " + folder_ + " -U concordat -d " + name + " -At -q -c '" + quoted + "' 2>/dev/null");
}

std::string program_of(const SampleService& service) {
    return source + "/build/services/dist/" + service.folder() + "/src/main.js";
}

Hash256 step_of(std::uint64_t tag) { return crypto::sha256("step " + std::to_string(tag)); }

std::unique_ptr<SampleService> make_service(const std::string& harness, Database& database, const std::string& name) {
    if (harness == "http-postgres") return std::make_unique<Postgres>(database, name);
    return std::make_unique<Payments>(database, name);
}

}  // namespace concordat::ledger::conformance
