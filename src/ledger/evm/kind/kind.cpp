#include "kind.hpp"

#include <ledger/evm/protocol/abi.hpp>
#include <ledger/evm/protocol/keccak.hpp>

#include <algorithm>
#include <charconv>

namespace concordat::ledger::evm {

namespace {

constexpr std::uint64_t max_gas = std::uint64_t{1} << 40;  // far above every chain's block

[[noreturn]] void refuse(std::string field, std::string rule) {
    throw Error(Code::bad_receipt, std::move(field), std::move(rule));
}

void check_gas(std::uint64_t gas, const std::string& field) {
    if (gas < transfer_gas || gas > max_gas) throw Error(Code::bad_format, field, "must be from 21000 to 2^40 gas");
}

std::uint64_t read_gas(json::Reader& reader) {
    const std::string_view text = reader.string("gas", 20);
    std::uint64_t gas = 0;
    const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), gas);
    const bool whole = problem == std::errc{} && end == text.data() + text.size() && !text.starts_with('0');
    if (!whole) reader.fail("gas", "must be a decimal integer, as text");
    check_gas(gas, reader.at("gas"));
    return gas;
}

abi::Function function_of(const Target& target) {
    if (target.interface.is_null()) return abi::Function::parse(target.call, "/call");
    return abi::Interface::parse(target.interface, "/interface").function(target.call, "/call");
}

// Only one text stands for each value: the call is compared and hashed as text elsewhere.
Address read_address(std::string_view text, const std::string& field) {
    const Address address = Address::parse(text, field);
    if (address.text() != text) throw Error(Code::bad_format, field, "must be written as EIP-55 has it");
    return address;
}

constexpr const char* inclusion_field = "/evidence/inclusion";

struct Shown {
    Inclusion inclusion;
    SignedTransaction transaction;
};

// What evidence shows of a transaction on this chain, as deep as is asked; nothing about the blocks' standing yet.
Shown read_evidence(const std::string& chain, std::uint64_t depth, const json::Value& evidence) {
    json::Reader reader(evidence, "/evidence");
    const std::string field = inclusion_field;
    const InclusionProof proof = InclusionProof::parse(reader.any("inclusion"), field);
    reader.finish();
    Shown out{.inclusion = check_inclusion(proof, field), .transaction = {}};
    if (out.inclusion.chain.size() < depth) {
        refuse(field + "/descendants", "must be at least " + std::to_string(depth - 1));
    }
    out.transaction = decode_transaction(proof.transaction);
    // A legacy transaction may leave the chain open: then every chain takes it, this one too.
    const std::uint64_t id = out.transaction.transaction.chain_id;
    if (id != 0 && ChainId{id}.text() != chain) refuse(field + "/transaction", "must be of " + chain);
    return out;
}

// Whether the blocks' standing is proved; throws where it should be and is not.
bool is_final(const Finality& finality, const Inclusion& inclusion) {
    if (finality.witness != "clique") return false;
    const std::string field = inclusion_field;
    if (!clique::check_finality(signers_of(finality), inclusion.chain, field + "/headers").proved()) {
        refuse(field + "/descendants", "must show the seals of a majority of the signers");
    }
    return true;
}

// The signed transaction as far as it matters; throws unless it is the account's for the slot.
Call filling(const Pin& pin, const SignedTransaction& found) {
    const std::string field = std::string(inclusion_field) + "/transaction";
    const Transaction& tx = found.transaction;
    if (sender(found).text() != pin.account) refuse(field, "must be sent by " + pin.account);
    if (tx.nonce != pin.slot) refuse(field, "must have the nonce " + std::to_string(pin.slot));
    return {.to = tx.to, .data = tx.data, .value = tx.value, .gas = tx.gas_limit, .legacy = false};
}

}  // namespace

Call Call::parse(const json::Object& call, const std::string& field) {
    json::Reader reader(call, field);
    Call out;
    if (reader.find("to") != nullptr) out.to = read_address(reader.string("to", 64), reader.at("to"));
    out.data = parse_0x(reader.string("data", 2 + 2 * max_call_data_bytes), reader.at("data"), max_call_data_bytes);
    out.value = parse_u256(reader.string("value", 80), reader.at("value"));
    out.gas = read_gas(reader);
    if (reader.find("type") != nullptr) {
        reader.expect("type", "legacy");
        out.legacy = true;
    }
    reader.finish();
    return out;
}

json::Object Call::to_json() const {
    json::Object out;
    if (to) out["to"] = to->text();
    out["data"] = to_0x(data);
    out["value"] = decimal(value);
    out["gas"] = std::to_string(gas);
    if (legacy) out["type"] = "legacy";
    return out;
}

Call cancellation(const Address& account, bool legacy) {
    return {.to = account, .data = {}, .value = 0, .gas = transfer_gas, .legacy = legacy};
}

Fate fate_of(const Call& pinned, const Call& found, bool succeeded) {
    const auto effect = [](const Call& call) { return std::tie(call.to, call.data, call.value, call.gas); };
    if (effect(pinned) != effect(found)) return Fate::cancelled;
    return succeeded ? Fate::called : Fate::failed;
}

Log anchored_log(const AnchorClaim& claim) {
    static const Hash256 topic = keccak256(bytes_of("Anchored(bytes32,uint64,bytes32,uint64,uint64)"));
    Log out{.address = read_address(claim.contract, "/contract"), .topics = {topic, claim.ledger}, .data = {}};
    const auto append = [&](ByteView word) { out.data.insert(out.data.end(), word.begin(), word.end()); };
    append(to_word(claim.size));
    append(claim.root.view());
    append(to_word(claim.time));
    append(to_word(claim.flags));
    return out;
}

clique::Signers signers_of(const Finality& finality) {
    json::Reader reader(finality.parameters, "/finality/parameters");
    std::vector<Address> addresses;
    for (const json::Value& item : reader.array("signers", clique::max_signers)) {
        const std::string at = reader.at("signers") + "/" + std::to_string(addresses.size());
        if (!item.is_string()) throw Error(Code::bad_format, at, "must be a string");
        addresses.push_back(Address::parse(item.get_string(), at));
    }
    const auto epoch = reader.integer_or("epoch", static_cast<std::int64_t>(clique::default_epoch), 1);
    reader.finish();
    return clique::Signers::make(std::move(addresses), static_cast<std::uint64_t>(epoch), reader.at("signers"));
}

std::uint64_t depth_needed(const Finality& finality) {
    // No signer seals twice within a majority's window, so that many blocks have as many distinct seals.
    std::uint64_t depth = finality.blocks;
    if (finality.witness == "clique") {
        depth = std::max<std::uint64_t>(depth, signers_of(finality).majority());
    } else if (finality.witness != "host") {
        throw Error(Code::bad_format, "/finality/witness", "must be host or clique");
    }
    if (depth == 0 || depth > max_descendants) {
        throw Error(Code::bad_format, "/finality/blocks", "must be from 1 to " + std::to_string(max_descendants));
    }
    return depth;
}

void EvmKind::check(const Pin& pin) const {
    ChainId::parse(pin.chain, "/chain");
    const Address account = read_address(pin.account, "/account");
    if (pin.slot == ~std::uint64_t{0}) throw Error(Code::bad_format, "/slot", "must be below 2^64-1 (EIP-2681)");
    const Call call = Call::parse(*pin.call, "/call");
    // Else nobody could tell whether the call or its cancellation happened.
    if (fate_of(call, cancellation(account, call.legacy), true) != Fate::cancelled) {
        throw Error(Code::bad_format, "/call", "must not be what a cancellation is");
    }
}

void EvmKind::check(const Target& target, const Finality& finality) const {
    depth_needed(finality);
    read_address(target.address, "/address");
    check_gas(target.work, "/work");
    const abi::Function function = function_of(target);
    if (function.constant) throw Error(Code::bad_format, "/call", "must change something: it is declared view or pure");
    if (!function.inputs.parts.empty() && !function.inputs.is_named()) {
        throw Error(Code::bad_format, "/call", "must name each parameter: arguments are given by name");
    }
}

json::Object EvmKind::call(const Target& target, const json::Object& arguments, const std::string& field) const {
    Call out;
    out.to = Address::parse(target.address, "/address");
    out.data = function_of(target).encode_call(arguments, field);
    out.gas = target.work;
    if (out.data.size() > max_call_data_bytes) throw Error(Code::too_large, field, "must encode to at most 128 KiB");
    return out.to_json();
}

std::string EvmKind::account(const SecretKey& key) const { return address_of(crypto::secp256k1_point(key)).text(); }

Bytes EvmKind::sign(const Pin& pin, Purpose purpose, Price price, const SecretKey& key) const {
    check(pin);
    if (account(key) != pin.account) throw Error(Code::bad_format, "/account", "must be the key's");
    if (const Price limit = price_limit(pin, purpose); price > limit) {
        throw Error(Code::action_refused, "/price", "must be at most " + std::to_string(limit));
    }
    Call call = Call::parse(*pin.call, "/call");
    if (purpose == Purpose::cancel) call = cancellation(Address::parse(pin.account, "/account"), call.legacy);
    Transaction tx;
    tx.type = call.legacy ? Transaction::Type::legacy : Transaction::Type::dynamic_fee;
    tx.chain_id = ChainId::parse(pin.chain, "/chain").value;
    tx.nonce = pin.slot;
    tx.gas_price = price;
    if (!call.legacy) tx.max_priority_fee = price;
    tx.gas_limit = call.gas;
    tx.to = call.to;
    tx.value = call.value;
    tx.data = call.data;
    return encode(evm::sign(tx, key));
}

Judgement EvmKind::judge(const Pin& pin, const Finality& finality, const json::Value& evidence) const {
    check(pin);
    const Shown shown = read_evidence(pin.chain, depth_needed(finality), evidence);
    const Call found = filling(pin, shown.transaction);
    const std::optional<Cost> cost = cost_of(shown.inclusion, shown.transaction.transaction);
    return {.fate = fate_of(Call::parse(*pin.call, "/call"), found, shown.inclusion.succeeded),
            .proved = is_final(finality, shown.inclusion),
            .transaction = to_0x(shown.inclusion.transaction_hash.view()),
            .block = shown.inclusion.chain.front().number,
            .fee = cost ? decimal(cost->wei) : ""};
}

Recorded EvmKind::recorded(const AnchorClaim& claim, const Finality& finality, const json::Value& evidence) const {
    ChainId::parse(claim.chain, "/chain");
    const Log wanted = anchored_log(claim);
    const Shown shown = read_evidence(claim.chain, depth_needed(finality), evidence);
    const std::vector<Log>& logs = shown.inclusion.logs;
    if (!shown.inclusion.succeeded || std::ranges::find(logs, wanted) == logs.end()) {
        refuse(std::string(inclusion_field) + "/receipt_proof",
               "must show that " + claim.contract + " recorded this root of this ledger");
    }
    return {.proved = is_final(finality, shown.inclusion),
            .transaction = to_0x(shown.inclusion.transaction_hash.view()),
            .block = shown.inclusion.chain.front().number};
}

}  // namespace concordat::ledger::evm
