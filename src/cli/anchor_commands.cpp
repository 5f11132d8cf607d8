// `concordat ledger anchor`: has a contract on a chain record the record ledger's newest root, and hands the node the
// evidence, which its receipts then hold (docs/ledger.md).
#include <algorithm>
#include <array>
#include <chrono>
#include <crypto/merkle.hpp>
#include <csignal>
#include <ledger/confidential/protocol/statement.hpp>
#include <ledger/evm/evm_ledger.hpp>
#include <ledger/evm/kind/kind.hpp>
#include <ledger/evm/network/network.hpp>
#include <ledger/evm/protocol/abi.hpp>
#include <thread>

#include "groups.hpp"
#include "input.hpp"
#include "output.hpp"

namespace concordat::cli {

namespace {

namespace evm = ledger::evm;
namespace ccl = ledger::confidential;
using std::chrono::steady_clock;

constexpr int max_attempts = 3;  // of others who anchor the same ledger at the same time
constexpr std::chrono::milliseconds poll_pause{250};

// contracts/RootAnchor.sol
constexpr std::string_view register_text = "register(bytes32 x, bytes32 y)";
constexpr std::string_view signers_text = "signers(bytes32 ledger) returns (address signer)";
constexpr std::string_view forked_text = "forkedAt(bytes32 ledger) returns (uint256 block)";
constexpr std::string_view anchors_text =
    "anchors(bytes32 ledger) returns (bytes32 root, uint64 size, uint64 time, uint64 block, uint64 flags)";
constexpr std::string_view anchor_text =
    "anchor((bytes32 ledger, (uint64 size, bytes32 root, uint64 time, uint64 flags, (bytes32 r, bytes32 s) signature) "
    "signed, uint64 from, bytes32[] consistency)[] batch)";

struct AnchorOptions {
    std::filesystem::path folder, key_file;
    std::string contract;
    std::uint64_t blocks = 1;
    int every_minutes = 0, wait_s = 120;
};

// Set by the first SIGINT or SIGTERM; the second ends the process as it always would.
volatile std::sig_atomic_t interrupted = 0;
void interrupt(int signal) {
    interrupted = 1;
    std::signal(signal, SIG_DFL);
}

std::string hex_of(const Hash256& hash) { return evm::to_0x(hash.view()); }

class Anchoring {
  public:
    Anchoring(Session& session, const AnchorOptions& options)
        : session_(session),
          options_(options),
          network_(open(options.folder)),
          client_(network_.description().ports.front()),
          contract_(evm::Address::parse(options.contract, "CONTRACT")) {
        if (!options.key_file.empty()) key_.emplace(evm::read_account_key(options.key_file));
        // Asked before any gas is paid: only an operator's node keeps an anchor, and only of a chain that it knows.
        session_.get_json("/v1/enclaves");
        session_.get_json("/v1/ledgers/" + chain());
        const json::Value ledger = session_.get_json("/v1/ledger");
        json::Reader reader(ledger, "/ledger");
        service_key_ = crypto::PublicKey::from_jwk(reader.any("service_key"), "/ledger/service_key");
        finality_ = finality();
    }

    // What was done, as `--json` shows it.
    json::Object run() {
        for (int attempt = 1;; ++attempt) {
            const Newest newest = read_newest();
            const auto root = ccl::SignedRoot::parse(session_.get_json("/v1/ledger/root"), "/root");
            if (!is_new(root, newest)) {
                return newest.size == 0 || is_kept(newest) ? report("nothing new", newest.size) : recover(newest);
            }
            register_key();
            const json::Value receipt = submit(root, newest);
            const std::string transaction = text_at(receipt, "transactionHash");
            const json::Value evidence = prove(transaction);
            if (!recorded(root, evidence)) {  // somebody was faster: it passed this one over
                if (attempt < max_attempts) continue;
                throw Error(Code::conflict, "CONTRACT", "recorded other roots each time; try again");
            }
            hand_in(root, evidence);
            json::Object out = report("anchored", root.size);
            out["transaction"] = transaction;
            out["block"] = evm::decimal(evm::parse_quantity(text_at(receipt, "blockNumber"), "/blockNumber"));
            out["gas"] = evm::decimal(gas_);
            out["cost"] = evm::decimal(cost_);
            return out;
        }
    }

  private:
    struct Newest {
        std::uint64_t size = 0;
        Hash256 root;
        std::string block{};
    };

    static evm::Network open(const std::filesystem::path& folder) {
        evm::Network network = evm::Network::open(folder);
        if (network.running() == 0)
            throw Error(Code::unavailable, "FOLDER", "its network does not run: concordat ledger up");
        return network;
    }

    std::string chain() const { return network_.description().chain.text(); }

    // What the network itself can show: the seals of its signers, else no more than the node's word.
    ledger::Finality finality() const {
        ledger::Finality out{.blocks = options_.blocks, .witness = std::string(ledger::host_witness), .parameters = {}};
        if (network_.description().signers.empty()) return out;
        json::Array signers;
        for (const evm::Address& signer : network_.description().signers) signers.emplace_back(signer.text());
        out.witness = "clique";
        out.parameters = {{"signers", std::move(signers)}};
        return out;
    }

    json::Object report(std::string_view status, std::uint64_t size) const {
        return {{"status", status},
                {"ledger", ccl::chain_of(service_key_)},
                {"chain", chain()},
                {"contract", contract_.text()},
                {"size", static_cast<std::int64_t>(size)}};
    }

    json::Value ask(std::string_view text) {
        const auto function = evm::abi::Function::parse(text, "function");
        const Bytes call = function.encode_call(json::Array{hex_of(service_key_.thumbprint())}, "/arguments");
        const json::Value answer = client_.ask(
            "eth_call",
            json::Array{json::Object{{"to", contract_.text()}, {"data", evm::to_0x(call)}}, json::Value("latest")});
        const std::string bytes = text_of_value(answer);
        if (bytes == "0x") throw Error(Code::not_found, "CONTRACT", "must be a RootAnchor: nothing answers there");
        return function.decode_result(evm::parse_0x(bytes, "/result"), "/result");
    }

    Newest read_newest() {
        const std::string forked = text_at(ask(forked_text), "block");
        if (forked != "0") {
            throw Error(Code::tampered, "CONTRACT",
                        "holds the proof of block " + forked +
                            " that this ledger has two histories: nothing is anchored for it");
        }
        const json::Value newest = ask(anchors_text);
        const evm::U256 size = evm::parse_u256(text_at(newest, "size"), "/size");
        return {.size = static_cast<std::uint64_t>(size),
                .root = evm::parse_hash_0x(text_at(newest, "root"), "/root"),
                .block = text_at(newest, "block")};
    }

    [[noreturn]] static void report_rollback(const Newest& newest, const std::string& how) {
        throw Error(Code::rolled_back, "CONTRACT",
                    "holds a root of " + std::to_string(newest.size) + " entries that this record ledger signed, and " +
                        how + ": it was rolled back");
    }

    static bool is_new(const ccl::SignedRoot& root, const Newest& newest) {
        if (root.size < newest.size) report_rollback(newest, "it has " + std::to_string(root.size));
        if (root.size == newest.size && root.size > 0 && root.root != newest.root) {
            report_rollback(newest, "its entries are others");
        }
        return root.size > newest.size;
    }

    json::Value send(const evm::abi::Function& function, const json::Value& arguments) {
        json::Value receipt =
            network_.send(contract_, 0, function.encode_call(arguments, "/arguments"), key_ ? &*key_ : nullptr);
        if (text_at(receipt, "status") != "0x1") throw Error(Code::action_refused, "CONTRACT", "the chain undid it");
        const evm::U256 gas = evm::parse_quantity(text_at(receipt, "gasUsed"), "/gasUsed");
        gas_ += gas;
        cost_ += gas * evm::parse_quantity(text_at(receipt, "effectiveGasPrice"), "/effectiveGasPrice");
        return receipt;
    }

    void register_key() {
        if (evm::Address::parse(text_at(ask(signers_text), "signer"), "/signer") != evm::Address{}) return;
        const json::Value jwk = service_key_.jwk();
        json::Reader reader(jwk, "/service_key");
        send(evm::abi::Function::parse(register_text, "function"),
             json::Array{evm::to_0x(reader.base64url("x", 32)), evm::to_0x(reader.base64url("y", 32))});
        note("registered the ledger's key at the contract");
    }

    json::Value submit(const ccl::SignedRoot& root, const Newest& newest) {
        json::Array path;
        if (newest.size > 0) {
            const json::Value answer = session_.get_json("/v1/ledger/consistency?from=" + std::to_string(newest.size) +
                                                         "&to=" + std::to_string(root.size));
            json::Reader reader(answer, "/consistency");
            const std::vector<Hash256> hashes = ccl::path_from_json(reader, "path");
            if (!crypto::verify_consistency(newest.size, newest.root, root.size, root.root, hashes)) {
                report_rollback(newest, "its entries are others");
            }
            for (const Hash256& hash : hashes) path.emplace_back(hex_of(hash));
        }
        const ByteView halves(root.signature);
        const json::Array signature{evm::to_0x(halves.first(32)), evm::to_0x(halves.last(32))};
        const json::Array signed_root{std::to_string(root.size), hex_of(root.root), std::to_string(root.time),
                                      std::to_string(root.flags), signature};
        const json::Array one{hex_of(service_key_.thumbprint()), signed_root, std::to_string(newest.size),
                              std::move(path)};
        json::Array batch, arguments;  // not by braces: one array in them would be copied, not held
        batch.emplace_back(one);
        arguments.emplace_back(std::move(batch));
        return send(evm::abi::Function::parse(anchor_text, "function"), arguments);
    }

    bool recorded(const ccl::SignedRoot& root, const json::Value& evidence) const {
        try {
            evm::EvmKind().recorded({.chain = chain(),
                                     .contract = contract_.text(),
                                     .ledger = service_key_.thumbprint(),
                                     .size = root.size,
                                     .root = root.root,
                                     .time = static_cast<std::uint64_t>(root.time),
                                     .flags = root.flags},
                                    finality_, evidence);
            return true;
        } catch (const Error& error) {
            if (error.field() == "/evidence/inclusion/receipt_proof") return false;
            throw;
        }
    }

    void hand_in(const ccl::SignedRoot& root, const json::Value& evidence) {
        const json::Object anchor{
            {"chain", chain()}, {"contract", contract_.text()}, {"root", root.to_json()}, {"evidence", evidence}};
        session_.post_json("/v1/ledger/anchors", json::canonical(anchor), "application/json");
    }

    bool is_kept(const Newest& newest) {
        const json::Value answer = session_.get_json("/v1/ledger/anchors");
        return std::ranges::any_of(answer.at("anchors").as_array(), [&](const json::Value& one) {
            return text_at(one, "chain") == chain() && text_at(one, "contract") == contract_.text() &&
                   text_at(one.at("root"), "size") == std::to_string(newest.size);
        });
    }

    // Whoever had the newest root recorded did not get the evidence to this node: it is on the chain.
    json::Object recover(const Newest& newest) {
        const std::string block = evm::quantity(evm::parse_u256(newest.block, "/block"));
        const json::Object filter{{"fromBlock", block}, {"toBlock", block}, {"address", contract_.text()}};
        json::Array parameters;
        parameters.emplace_back(filter);
        const json::Value logs = client_.ask("eth_getLogs", parameters);
        for (const json::Value& log : logs.as_array()) {
            const std::string transaction = text_at(log, "transactionHash");
            const auto root = root_of(transaction, newest);
            if (!root) continue;
            const json::Value evidence = prove(transaction);
            if (!recorded(*root, evidence)) continue;
            hand_in(*root, evidence);
            json::Object out = report("recovered", newest.size);
            out["transaction"] = transaction;
            out["block"] = newest.block;
            return out;
        }
        throw Error(Code::not_found, "CONTRACT",
                    "recorded the newest root in a transaction that this program cannot read");
    }

    // The signed root that a call of the contract handed in.
    std::optional<ccl::SignedRoot> root_of(const std::string& transaction, const Newest& newest) {
        const json::Value found = client_.ask("eth_getTransactionByHash", json::Array{json::Value(transaction)});
        const auto function = evm::abi::Function::parse(anchor_text, "function");
        json::Value call;
        try {
            call = function.decode_call(evm::parse_0x(text_at(found, "input"), "/input"), "/input");
        } catch (const Error&) {  // of another function, or by way of another contract
            return std::nullopt;
        }
        for (const json::Value& one : call.at("batch").as_array()) {
            const json::Value& given = one.at("signed");
            const bool ours = text_at(one, "ledger") == hex_of(service_key_.thumbprint());
            if (ours && text_at(given, "size") == std::to_string(newest.size)) return read_root(given, newest);
        }
        return std::nullopt;
    }

    static ccl::SignedRoot read_root(const json::Value& given, const Newest& newest) {
        const auto number = [&](const char* name) {
            return static_cast<std::uint64_t>(evm::parse_u256(text_at(given, name), name));
        };
        ccl::SignedRoot out{.size = newest.size,
                            .root = newest.root,
                            .time = static_cast<TimeMs>(number("time")),
                            .flags = number("flags"),
                            .signature = {}};
        const json::Value& signature = given.at("signature");
        const Hash256 r = evm::parse_hash_0x(text_at(signature, "r"), "/r");
        const Hash256 s = evm::parse_hash_0x(text_at(signature, "s"), "/s");
        std::ranges::copy(s.bytes, std::ranges::copy(r.bytes, out.signature.begin()).out);
        return out;
    }

    // The slot that the transaction fills, so that the adapter finds and proves it as it does others.
    ledger::Pin pin_of(const std::string& transaction) {
        const json::Value found = client_.ask("eth_getTransactionByHash", json::Array{json::Value(transaction)});
        const auto number = [&](const char* name) { return evm::parse_quantity(text_at(found, name), name); };
        return {.chain = chain(),
                .account = evm::Address::parse(text_at(found, "from"), "/from").text(),
                .slot = static_cast<std::uint64_t>(number("nonce")),
                .call = json::Object{{"to", contract_.text()},
                                     {"data", text_at(found, "input")},
                                     {"value", "0"},
                                     {"gas", evm::decimal(number("gas"))}},
                .ceiling = 0};
    }

    // Evidence that the transaction is as deep as the network's finality asks, once it is.
    json::Value prove(const std::string& transaction) {
        const ledger::Pin pin = pin_of(transaction);
        boost::asio::io_context io;
        evm::EvmLedger chain(io, {.chain_id = network_.description().chain.value,
                                  .genesis = network_.description().genesis,
                                  .endpoints = network_.description().endpoints(),
                                  .ca = {},
                                  .limits = {}});
        const auto end = steady_clock::now() + std::chrono::seconds(options_.wait_s);
        while (steady_clock::now() < end) {
            std::optional<json::Value> evidence;
            bool answered = false;
            chain.look(pin, finality_, [&](const ledger::View& view) {
                if (view.status != ledger::View::Status::final) return void(answered = true);
                chain.prove(pin, finality_, [&](std::optional<ledger::Proven> proven) {
                    if (proven) evidence = std::move(proven->evidence);
                    answered = true;
                });
            });
            while (!answered && io.run_one() > 0) {
            }
            io.restart();
            if (evidence) return std::move(*evidence);
            std::this_thread::sleep_for(poll_pause);
        }
        throw Error(Code::timeout, "--wait",
                    "the anchor is not " + std::to_string(evm::depth_needed(finality_)) +
                        " block(s) deep yet; a later one will cover what it covers");
    }

    Session& session_;
    const AnchorOptions& options_;
    evm::Network network_;
    evm::PlainClient client_;
    evm::Address contract_;
    std::optional<SecretKey> key_;
    crypto::PublicKey service_key_;
    ledger::Finality finality_;
    evm::U256 gas_ = 0, cost_ = 0;
};

void show(const Session& session, const json::Object& report) {
    if (session.json) return print_json(report);
    if (text_at(report, "status") == "nothing new") {
        return print("nothing new to anchor: " + text_at(report, "contract") + " holds the root of all " +
                     text_at(report, "size") + " entries\n");
    }
    Table table({text_at(report, "status"), text_at(report, "size") + " entries of " + text_at(report, "ledger")});
    table.add({"on", text_at(report, "chain") + ", block " + text_at(report, "block")});
    table.add({"by", text_at(report, "contract")});
    table.add({"transaction", text_at(report, "transaction")});
    if (const std::string gas = text_at(report, "gas"); !gas.empty()) {
        table.add({"cost", gas + " gas, " + text_at(report, "cost") + " wei"});
    }
    print(table.text());
}

// Whether the next turn may go better.
bool may_pass(const Error& error) {
    static constexpr std::array passing{Code::unavailable, Code::timeout, Code::busy, Code::conflict};
    return std::ranges::find(passing, error.code()) != passing.end();
}

void anchor(Session& session, const AnchorOptions& options) {
    if (options.every_minutes == 0) return show(session, Anchoring(session, options).run());
    std::signal(SIGINT, interrupt);
    std::signal(SIGTERM, interrupt);
    while (interrupted == 0) {
        const auto next = steady_clock::now() + std::chrono::minutes(options.every_minutes);
        try {
            show(session, Anchoring(session, options).run());
        } catch (const Error& error) {
            if (!may_pass(error)) throw;
            note("not anchored this time: " + error.field() + ": " + error.rule());
        }
        while (interrupted == 0 && steady_clock::now() < next) std::this_thread::sleep_for(poll_pause);
    }
    note("stopped");
}

}  // namespace

void add_anchor_command(CLI::App& ledger, Session& session) {
    const auto options = std::make_shared<AnchorOptions>();
    auto* command = ledger.add_subcommand("anchor",
                                          "Have a contract on a local network record the ledger's newest root, and the "
                                          "node keep the evidence (operators)");
    command->add_option("FOLDER", options->folder, "of a local network, as `ledger up` was given it")->required();
    command->add_option("CONTRACT", options->contract, "address of a RootAnchor (docs/contracts.md)")->required();
    command->add_option("--from", options->key_file, "file of another account's key, as `ledger account` makes it");
    command->add_option("--every", options->every_minutes, "minutes: goes on until it is interrupted")
        ->check(CLI::Range(1, 10080));
    command
        ->add_option("--blocks", options->blocks,
                     "how deep it must be, its own block counted; of clique at least as its signers' majority needs")
        ->check(CLI::Range(1, 1000))
        ->capture_default_str();
    command->add_option("--wait", options->wait_s, "seconds, at most, until it is that deep")
        ->check(CLI::Range(1, 86400))
        ->capture_default_str();
    command->callback([options, &session] { anchor(session, *options); });
}

}  // namespace concordat::cli
