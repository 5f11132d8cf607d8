// The sample payment service over a PostgreSQL of its own: a participant (docs/participants.md) as a real program.
#include <stdlib.h>
#include <base/asio_timeline.hpp>
#include <base/file.hpp>

#include <boost/asio/executor_work_guard.hpp>
#include <crypto/hash.hpp>
#include <filesystem>
#include <http/client.hpp>
#include <ledger/evm/network/node_process.hpp>
#include <ledger/http/http_ledger.hpp>
#include <thread>

#include "harness.hpp"

namespace concordat::ledger::conformance {

namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

const std::string source = CONCORDAT_SOURCE_DIR;

std::string temporary_folder() {
    std::string folder = (fs::temp_directory_path() / "ledger_participant_XXXXXX").string();
    if (::mkdtemp(folder.data()) == nullptr) throw std::runtime_error("no temporary folder");
    return folder;
}

// What a command prints; throws where it fails.
std::string output_of(const std::string& command) {
    const std::unique_ptr<FILE, int (*)(FILE*)> pipe(::popen(command.c_str(), "r"), ::pclose);
    std::string out;
    char part[4096];
    for (std::size_t size; (size = ::fread(part, 1, sizeof part, pipe.get())) > 0;) out.append(part, size);
    return out;
}

template <class Ready>
void wait_until(const std::string& what, Ready ready) {
    const auto end = std::chrono::steady_clock::now() + 30s;
    while (!ready()) {
        if (std::chrono::steady_clock::now() >= end) throw std::runtime_error(what + " does not start");
        std::this_thread::sleep_for(20ms);
    }
}

// One server for all tests, a database for each.
class Database {
  public:
    Database() : folder_(temporary_folder()) {
        if (std::system((script_ + " init " + folder_).c_str()) != 0) throw std::runtime_error("no database");
        server_.command = {"/bin/sh", script_, "serve", folder_};
        server_.log = folder_ + "/server.log";
        server_.start(false);
        wait_until("the database", [&] { return query("postgres", "SELECT 1") == "1\n"; });
    }
    ~Database() {
        server_.end();
        fs::remove_all(folder_);
    }
    Database(const Database&) = delete;
    Database& operator=(const Database&) = delete;

    // Its name.
    std::string create() {
        std::string name = "test" + std::to_string(++count_);
        query("postgres", "CREATE DATABASE " + name);
        return name;
    }
    std::string url(const std::string& name) const { return "postgres://concordat@/" + name + "?host=" + folder_; }
    std::string query(const std::string& name, const std::string& text) const {
        return output_of("psql -h " + folder_ + " -U concordat -d " + name + " -At -c \"" + text + "\" 2>/dev/null");
    }

  private:
    std::string script_ = source + "/samples/services/database";
    std::string folder_;
    evm::NodeProcess server_;
    std::size_t count_ = 0;
};

class HttpHarness final : public Harness {
  public:
    explicit HttpHarness(Database& database)
        : database_(database), name_(database.create()), folder_(temporary_folder()), timeline_(io_, clock_) {
        write_configuration();
        service_.command = {"/usr/bin/env", "node", program(), "serve", "--config", folder_ + "/config.json"};
        service_.log = folder_ + "/service.log";
        revive();
        database_.query(name_, "INSERT INTO accounts VALUES ('payer', 1000000), ('payee', 0)");
        restart();
    }
    ~HttpHarness() override {
        service_.kill();
        fs::remove_all(folder_);
    }
    HttpHarness(const HttpHarness&) = delete;
    HttpHarness& operator=(const HttpHarness&) = delete;

    static std::string program() { return source + "/build/services/dist/payments/src/main.js"; }

    Ledger& ledger() override { return *ledger_; }
    void restart() override {
        http::HttpOptions options;
        options.participant.chain = chain();
        options.participant.genesis = key_.public_key().thumbprint();
        options.participant.url = "http://127.0.0.1:" + std::to_string(port_);
        options.participant.request_timeout = 1500ms;
        options.operation_timeout = 3000ms;
        ledger_ = std::make_unique<http::HttpLedger>(io_, options);
    }
    Timeline& timeline() override { return timeline_; }
    void step() override { io_.run_for(5ms); }

    std::string chain() const override { return http::chain_of(key_.public_key()); }
    bool is_chain() const override { return false; }
    SecretKey account(bool allowed) override {
        if (!allowed) return secret_of("a stranger " + std::to_string(++strangers_));
        return callers_.at(given_++).copy();
    }
    json::Object call(std::uint64_t tag, Behaviour behaviour) override { return call(tag, Role::call, behaviour); }
    json::Object call(std::uint64_t tag, Role role, Behaviour behaviour = Behaviour::succeeds) override {
        Target target;
        target.call = "reserve";
        target.address = "payments";
        target.role = role;
        target.step = crypto::sha256("step " + std::to_string(tag));
        if (role != Role::call) return http::HttpKind().call(target, {}, "/arguments");
        return http::HttpKind().call(target,
                                     {{"from", "payer"},
                                      {"to", "payee"},
                                      {"amount", behaviour == Behaviour::succeeds ? "1.50" : "99999999"},
                                      {"reference", std::to_string(tag)}},
                                     "/arguments");
    }
    Price price() const override { return 1; }  // any will do
    Finality finality(std::uint64_t) const override {
        return {.blocks = 1, .witness = "signature", .parameters = {{"key", key_.public_key().jwk()}}};
    }
    std::size_t effects(std::uint64_t tag) override {
        return std::stoul(database_.query(name_, "SELECT count(*) FROM steps WHERE reference = '" +
                                                     std::to_string(tag) + "' AND state IN ('reserved', 'paid')"));
    }
    void let_expire(std::uint64_t tag) override {
        database_.query(name_, "UPDATE steps SET holds_until = now() WHERE reference = '" + std::to_string(tag) + "'");
    }
    std::string books() override {
        return database_.query(name_,
                               "SELECT name, balance::numeric(12, 2), held::numeric(12, 2) FROM accounts "
                               "ORDER BY name DESC");
    }
    json::Object filter() const override { return {}; }
    std::uint64_t tag_of(const Event&) const override { return 0; }

    void mine(std::size_t) override {}
    bool can_reorganise() const override { return false; }
    void reorganise(std::size_t) override {}
    void set_silent(bool silent) override { service_.pause(silent); }

    std::string trouble() const override { return ledger_->health().front().problem; }
    bool can_be_killed() const override { return true; }
    void kill() override { service_.kill(); }
    void revive() override {
        service_.start(false);
        wait_until("the payment service", [&] {
            try {
                return concordat::http::HttpClient("127.0.0.1", port_).request("GET", "/", {}, {}, 500).status == 200;
            } catch (const Error&) {
                return false;
            }
        });
    }

  private:
    static SecretKey secret_of(const std::string& text) {
        std::array<std::uint8_t, 32> bytes = crypto::sha256(text).bytes;
        return SecretKey(std::move(bytes));
    }
    void write_configuration() {
        json::Array callers;
        for (int i = 0; i < 4; ++i) {
            callers_.push_back(secret_of("caller " + std::to_string(i)));
            callers.emplace_back(http::HttpKind().account(callers_.back()));
        }
        const json::Object configuration{{"listen", "127.0.0.1:" + std::to_string(port_)},
                                         {"database", database_.url(name_)},
                                         {"key", "key.json"},
                                         {"callers", std::move(callers)}};
        write_file_atomic(folder_ + "/config.json", bytes_of(json::canonical(configuration)));
        write_file_atomic(folder_ + "/key.json", bytes_of(key_.jwk_text().expose()));
    }

    Database& database_;
    std::string name_, folder_;
    std::uint16_t port_ = evm::free_port();
    crypto::PrivateKey key_ = crypto::PrivateKey::from_secret(crypto::Alg::eddsa, secret_of("the service"));
    std::vector<SecretKey> callers_;
    std::size_t given_ = 0, strangers_ = 0;
    evm::NodeProcess service_;
    boost::asio::io_context io_;
    boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_ = boost::asio::make_work_guard(io_);
    SystemClock clock_;
    AsioTimeline timeline_;
    std::unique_ptr<http::HttpLedger> ledger_;
};

bool is_installed() { return fs::exists(HttpHarness::program()) && fs::exists("/usr/lib/postgresql/15/bin/initdb"); }

}  // namespace

std::unique_ptr<Harness> http_harness() {
    if (!is_installed()) return nullptr;
    static Database database;
    return std::make_unique<HttpHarness>(database);
}

}  // namespace concordat::ledger::conformance
