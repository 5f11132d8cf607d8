// What is different between the sample services that the suite runs over, and a PostgreSQL for them.
#pragma once
#include <base/json.hpp>
#include <ledger/evm/network/node_process.hpp>
#include <memory>

#include "harness.hpp"

namespace concordat::ledger::conformance {

// One server for all tests, a database for each.
class Database {
  public:
    Database();
    ~Database();
    Database(const Database&) = delete;
    Database& operator=(const Database&) = delete;

    std::string create();  // its name
    std::string url(const std::string& name) const { return "postgres://concordat@/" + name + "?host=" + folder_; }
    // What it prints, a line for each row; nothing where it is refused.
    std::string query(const std::string& name, const std::string& text) const;

  private:
    std::string folder_;
    evm::NodeProcess server_;
    std::size_t count_ = 0;
};

class SampleService {
  public:
    virtual ~SampleService() = default;
    virtual std::string folder() const = 0;  // of the service, in samples/services
    // Before it is started: its tables, and its own members of the configuration, whose files belong into `folder`.
    virtual json::Object prepare(const std::string& folder) = 0;
    virtual void started() {}  // once it answers
    virtual std::string resource() const = 0;
    virtual json::Object arguments(std::uint64_t tag, Behaviour behaviour) const = 0;
    virtual std::size_t effects(std::uint64_t tag) = 0;
    virtual void let_expire(std::uint64_t tag) = 0;
    virtual Books books() = 0;
    virtual void ended() {}  // when it was killed for good
};

std::string program_of(const SampleService& service);
Hash256 step_of(std::uint64_t tag);
// By the name of the harness.
std::unique_ptr<SampleService> make_service(const std::string& harness, Database& database, const std::string& name);

bool services_are_installed();
std::string temporary_folder();
void wait_until(const std::string& what, const std::function<bool()>& ready);

}  // namespace concordat::ledger::conformance
