// One real concordat-enclave process, driven over its socket as a node would, with the record ledger's end in this
// process.
#pragma once
#include <attest/development.hpp>
#include <boost/asio/io_context.hpp>
#include <ledger/confidential/core/service.hpp>
#include <process/link/link.hpp>
#include <unordered_map>
#include <vault/sealing.hpp>

#include "agreement.hpp"

namespace concordat::bench {

namespace ccl = ledger::confidential;

class EnclaveDriver {
  public:
    // `attestation` is the folder that a node gives its enclaves and ledger; `disk` must outlive the driver.
    EnclaveDriver(const std::filesystem::path& attestation, ccl::Disk& disk);

    const Platform& platform() const { return platform_; }
    pid_t pid() const { return link_->pid(); }
    ccl::RecordLedger& ledger() { return *ledger_; }

    // Sends all and waits for all; replies in the order of the requests. At most `window` are under way at once. Throws
    // the first Error that an answer stands for.
    std::vector<Bytes> call_all(enclave::FrameType type, const std::vector<Bytes>& payloads, std::size_t window);
    Bytes call(enclave::FrameType type, const Bytes& payload) { return call_all(type, {payload}, 1).at(0); }

    void load(const contract::Package& package);
    // Makes and locks `count` agreements, or as many as `limit_seconds` allow.
    std::vector<Agreement> lock(std::size_t count, const Senders& senders, double limit_seconds = 180);

  private:
    void on_frame(Frame frame);
    void serve_ledger();

    SystemClock clock_;
    SystemRandom random_;
    vault::DevelopmentSealing sealing_;
    std::unique_ptr<attest::DevelopmentProvider> evidence_;
    std::unique_ptr<ccl::RecordLedger> ledger_;
    std::unique_ptr<ccl::Service> service_;
    boost::asio::io_context loop_{1};
    std::unique_ptr<process::ChildLink> link_;
    Platform platform_;
    std::uint64_t next_id_ = 1;
    std::unordered_map<std::uint64_t, Frame> replies_;
    std::string ended_;
};

// Where the processes that are measured write what they log: a file beside the results.
int& child_log();
// build/bin/<name>: beside this program.
std::filesystem::path program_beside(const char* name);
Hash256 entry_id_of(const enclave::Committed& committed);

}  // namespace concordat::bench
