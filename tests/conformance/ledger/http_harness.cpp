// A sample service over a PostgreSQL of its own: a participant (docs/participants.md) as a real program.
#include <base/asio_timeline.hpp>
#include <base/file.hpp>

#include <boost/asio/executor_work_guard.hpp>
#include <crypto/hash.hpp>
#include <filesystem>
#include <http/client.hpp>
#include <ledger/http/http_ledger.hpp>

#include "sample_service.hpp"

namespace concordat::ledger::conformance {

namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

class HttpHarness final : public Harness {
  public:
    HttpHarness(const std::string& harness, Database& database)
        : name_(database.create()),
          folder_(temporary_folder()),
          sample_(make_service(harness, database, name_)),
          timeline_(io_, clock_) {
        write_configuration(database.url(name_));
        service_.command = {"/usr/bin/env", "node",     program_of(*sample_),
                            "serve",        "--config", folder_ + "/config.json"};
        service_.log = folder_ + "/service.log";
        revive();
        sample_->started();
        restart();
    }
    ~HttpHarness() override {
        service_.kill();
        sample_->ended();
        fs::remove_all(folder_);
    }
    HttpHarness(const HttpHarness&) = delete;
    HttpHarness& operator=(const HttpHarness&) = delete;

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
        target.address = sample_->resource();
        target.role = role;
        target.step = step_of(tag);
        if (role != Role::call) return http::HttpKind().call(target, {}, "/arguments");
        return http::HttpKind().call(target, sample_->arguments(tag, behaviour), "/arguments");
    }
    Price price() const override { return 1; }  // any will do
    Finality finality(std::uint64_t) const override {
        return {.blocks = 1, .witness = "signature", .parameters = {{"key", key_.public_key().jwk()}}};
    }
    std::size_t effects(std::uint64_t tag) override { return sample_->effects(tag); }
    void let_expire(std::uint64_t tag) override { sample_->let_expire(tag); }
    Books books() override { return sample_->books(); }
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
        wait_until("the service", [&] {
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
    void write_configuration(const std::string& database) {
        json::Array callers;
        for (int i = 0; i < 4; ++i) {
            callers_.push_back(secret_of("caller " + std::to_string(i)));
            callers.emplace_back(http::HttpKind().account(callers_.back()));
        }
        json::Object configuration = sample_->prepare(folder_);
        configuration["listen"] = "127.0.0.1:" + std::to_string(port_);
        configuration["database"] = database;
        configuration["key"] = "key.json";
        configuration["callers"] = std::move(callers);
        write_file_atomic(folder_ + "/config.json", bytes_of(json::canonical(configuration)));
        write_file_atomic(folder_ + "/key.json", bytes_of(key_.jwk_text().expose()));
    }

    std::string name_, folder_;
    std::unique_ptr<SampleService> sample_;
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

}  // namespace

std::unique_ptr<Harness> http_harness(const std::string& name) {
    if (!services_are_installed()) return nullptr;
    static Database database;
    return std::make_unique<HttpHarness>(name, database);
}

}  // namespace concordat::ledger::conformance
