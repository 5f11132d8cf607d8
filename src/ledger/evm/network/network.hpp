// Local Ethereum networks, for trying things out and for tests: real nodes that listen on 127.0.0.1 only, with new
// keys, and one account with money. Nothing of value belongs there: keys lie in plain files, nodes obey whoever asks.
//
//   anvil        one node that does as it is told; writes its state each second
//   geth-dev     one geth in developer mode; may lose its last blocks when it is killed
//   geth-clique  geth nodes that seal in turn (proof of authority, EIP-225), one for each signer
//
// A network is a folder. network.json in it (concordat/evm-network/1): { typ, kind, chain (CAIP-2), genesis, endpoints,
// signers (of clique), account (with money), key_file (its key, hex, beside network.json), nodes }.
#pragma once
#include <ledger/evm/protocol/address.hpp>
#include <optional>

#include "node_process.hpp"
#include "plain_client.hpp"

namespace concordat::ledger::evm {

struct NetworkOptions {
    std::string kind;
    std::filesystem::path folder;     // made where it is missing; must be empty
    std::filesystem::path toolchain;  // where tools/install.sh --evm puts programs
    std::uint64_t chain_id = 0;       // 0: the kind's own (31337, 1337, 20260)
    std::size_t signers = 2;          // geth-clique: 1 … 16
    // Seconds between blocks; 0: a block as soon as there is a transaction. Of geth-clique 1 by default: without a
    // period its signers sometimes leave a transaction lying until another one comes.
    std::optional<std::uint64_t> period_s = std::nullopt;
    std::uint64_t period() const { return period_s.value_or(kind == "geth-clique" ? 1 : 0); }
    std::uint16_t port = 0;  // of the first endpoint; 0: a free one
    bool keep_state = true;  // anvil: whether its state outlives its process
    bool outlives = false;   // else the nodes end with the thread that started them
};

struct NetworkDescription {
    std::string kind;
    ChainId chain;
    Hash256 genesis;
    std::vector<std::uint16_t> ports;
    std::vector<Address> signers;  // ascending; of clique
    Address account;
    std::vector<NodeProcess> nodes;

    std::vector<std::string> endpoints(std::string_view scheme = "http") const;  // or "ws": on the same ports
    json::Object to_json() const;
    // Errors: Error(bad_format | missing_field | unknown_field) naming the member below /network.
    static NetworkDescription parse(const json::Value& value);
};

class Network {
  public:
    // Throws Error(config) naming the option or the program, Error(conflict) where the folder is in use,
    // Error(unavailable) with the log's place when a node does not come up; then nothing goes on running.
    static Network start(const NetworkOptions& options);
    // The network of a folder, whether it runs or not. Throws Error(not_found) where there is none.
    static Network open(const std::filesystem::path& folder);
    Network(Network&&) = default;
    ~Network();  // ends the nodes unless they are to outlive us

    const NetworkDescription& description() const { return description_; }
    const SecretKey& key() const { return key_; }
    const std::filesystem::path& folder() const { return folder_; }
    std::size_t running() const;  // nodes
    // Starts what does not run, with the state that it had. Throws as start(), and Error(tampered) when the state was
    // not whole: anvil writes its own anew each second, and may have been killed meanwhile.
    void resume(bool outlives);
    void stop();  // keeps the folder
    NodeProcess& node(std::size_t index) { return description_.nodes.at(index); }
    void wait_ready(int patience_ms = 60'000);  // every node answers, knows the others and seals

    // Pays from the account with money, or that of the given key, or has it create a contract; gives the receipt.
    // Blocks until it is included.
    json::Value send(const std::optional<Address>& to, const U256& value, const Bytes& data = {},
                     const SecretKey* from = nullptr);

  private:
    Network(std::filesystem::path folder, NetworkDescription description, SecretKey key, bool ends_with_us);
    void save() const;
    bool seals_with_others(PlainClient& client) const;
    void part_stuck_signers(bool outlives);

    std::filesystem::path folder_;
    NetworkDescription description_;
    SecretKey key_;
    bool ends_with_us_ = false;
};

// An account to try things with: its key lies in the file, in hex. Throw Error(config | not_found | bad_format).
Address make_account(const std::filesystem::path& file);  // refuses a file that exists: Error(conflict)
SecretKey read_account_key(const std::filesystem::path& file);

}  // namespace concordat::ledger::evm
