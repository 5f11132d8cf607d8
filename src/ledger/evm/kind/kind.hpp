// Ethereum chains as a kind of ledger: what enclave and verifier know of them. A slot is an account's nonce, a price is
// wei for a unit of gas.
//
// A call is { "to": address (left out: a contract is created), "data": 0x-hex, "value": wei, "gas": the gas limit,
// "type": "legacy" where the chain has no EIP-1559 }; amounts are decimal texts. It is offered as EIP-1559 has it with
// price as fee cap and as tip: what is offered is what is paid, and a pool takes a replacement only when both have
// risen. A cancellation sends nothing to the account itself.
//
// Evidence is { "inclusion": concordat/evm-inclusion/1 } (docs/evm.md). Witnesses: "host", and "clique" with parameters
// { "signers": [address…], "epoch": blocks between checkpoints (30000) }.
#pragma once
#include <ledger/evm/protocol/clique.hpp>
#include <ledger/evm/protocol/inclusion.hpp>
#include <ledger/evm/protocol/transaction.hpp>
#include <ledger/kind.hpp>

namespace concordat::ledger::evm {

inline constexpr std::size_t max_call_data_bytes = 1 << 17;  // what nodes relay
inline constexpr std::uint64_t transfer_gas = 21000;

struct Call {
    std::optional<Address> to;
    Bytes data;
    U256 value = 0;
    std::uint64_t gas = 0;
    bool legacy = false;

    // Strict; throws Error(bad_format | missing_field | unknown_field | too_large) below `field`.
    static Call parse(const json::Object& call, const std::string& field);
    json::Object to_json() const;
    bool operator==(const Call&) const = default;
};

// RootAnchor's event that says that it recorded this.
Log anchored_log(const AnchorClaim& claim);

// What fills the slot when the call is given up.
Call cancellation(const Address& account, bool legacy);

// The fate of the pin's slot when this transaction of the account fills it.
Fate fate_of(const Call& pinned, const Call& found, bool succeeded);

// Throws Error(bad_format) at "/finality/parameters/…".
clique::Signers signers_of(const Finality& finality);

// How many blocks deep a transaction must be so that everything `finality` asks for can be shown: with clique a
// majority of the signers has then sealed it. Throws as signers_of, and at "/finality/witness".
std::uint64_t depth_needed(const Finality& finality);

class EvmKind final : public Kind {
  public:
    std::string_view name() const override { return "evm"; }
    std::string_view chains() const override { return "eip155"; }
    void check(const Pin& pin) const override;
    // A target's interface is a JSON ABI, and its call a function of it by name or signature; without an interface the
    // call says all: "transfer(address to, uint256 amount)". Arguments are an object by the parameters' names.
    void check(const Target& target, const Finality& finality) const override;
    json::Object call(const Target& target, const json::Object& arguments, const std::string& field) const override;
    std::string account(const SecretKey& key) const override;  // EIP-55
    Bytes sign(const Pin& pin, Purpose purpose, Price price, const SecretKey& key) const override;
    // Proved with witness "clique"; with "host" the inclusion is checked and the block's standing is the host's word.
    Judgement judge(const Pin& pin, const Finality& finality, const json::Value& evidence) const override;
    // A log of the transaction, whoever sent it, is RootAnchor's event Anchored (contracts/RootAnchor.sol) with exactly
    // these values.
    Recorded recorded(const AnchorClaim& claim, const Finality& finality, const json::Value& evidence) const override;
};

}  // namespace concordat::ledger::evm
