// A real `concordat node` on a data folder that was filled beforehand.
#pragma once
#include <http/client.hpp>
#include <map>
#include <process/child.hpp>

#include "agreement.hpp"

namespace concordat::bench {

// A data folder in which `count` agreements are locked, made by a real enclave and a real ledger on disk, without a
// node.
struct Prepared {
    Platform platform;
    std::vector<Agreement> agreements;
};
// Such a folder's parts, with a package.
void make_data_folder(const std::filesystem::path& data, const contract::Package& package);
Prepared prepare(const std::filesystem::path& data, std::size_t count, const Senders& senders);

class NodeProcess {
  public:
    // Starts it and waits until /readyz says so. Throws Error(unavailable).
    explicit NodeProcess(const std::filesystem::path& data);
    ~NodeProcess();
    NodeProcess(const NodeProcess&) = delete;
    NodeProcess& operator=(const NodeProcess&) = delete;

    std::uint16_t port() const { return port_; }
    const std::string& token() const { return token_; }  // of the operator
    // A gauge of /metrics.
    double metric(const std::string& name) const;
    double start_seconds() const { return start_seconds_; }
    // Proportional set size, by the name of the program: the node's and its children's.
    std::map<std::string, double> memory_by_program_mib() const;
    double memory_mib() const;  // of all
    // Processor time used so far, by the name of the program: the node's and its children's.
    std::map<std::string, double> cpu_seconds() const;
    void stop();  // gracefully

  private:
    std::vector<std::filesystem::path> processes() const;  // of /proc
    bool ready();
    std::uint16_t port_ = 0;
    std::string token_;
    std::optional<process::ChildProcess> child_;
    double start_seconds_ = 0;
};

double folder_bytes(const std::filesystem::path& folder);

}  // namespace concordat::bench
