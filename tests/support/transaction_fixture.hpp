// Receipts of transactions with a clique chain, made as ReceiptMaker makes others: by acting as enclave, record ledger
// and chain, with fixed keys.
#pragma once
#include <algorithm>
#include <contract/package.hpp>
#include <ledger/evm/kind/kind.hpp>

#include "evm_chain.hpp"
#include "receipt_fixture.hpp"

namespace concordat::test {

namespace evm = ledger::evm;

class TransactionMaker : public ReceiptMaker {
  public:
    proof::ReceiptPackage package;
    json::Object cash;                     // the binding's ledger
    json::Object accounts;                 // of its bind entry
    json::Object effect;                   // of the prepare entry
    std::optional<contract::Route> route;  // that it gets; `cash` has candidates then, the first one is what is called
    evm::test::Chain chain;                // what fills the slot is its second transaction
    TimeMs deadline = 10 * 60'000;         // after the prepare entry
    std::string decision;                  // of the prepare entry
    Hash256 prepared;                      // its id
    json::Object before, after;            // the state
    ledger::evm::EvmKind kind;

    // The contract's `costs`, if it has any.
    explicit TransactionMaker(const std::optional<contract::CostTerms>& costs = std::nullopt) {
        json::Value contract = json::parse(contract_text, "config");
        if (costs) contract.as_object()["costs"] = costs->to_json();
        sharing = costs;
        const std::string config = json::canonical(contract);
        package.config = to_bytes(bytes_of(config));
        package.manifest = contract::Manifest::write(package.config, bytes_of("module"), bytes_of("provenance"));
        world.package = contract::Manifest::parse(package.manifest).id;
        chain.seal_with(3);
        cash = {{"chain", "eip155:31337"},
                {"genesis", "0x" + hash_of("the first block").hex()},
                {"address", "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"},
                {"account", "treasury"},
                {"work", "60000"},
                {"ceiling", "1000"},
                {"finality", json::Object{{"blocks", 2}, {"witness", "clique"}, {"parameters", parameters()}}},
                {"deadline_minutes", 10}};
        accounts = {{"cash", account()}};
        before = initial_state();
        after = later_state();
    }

    json::Object parameters() const {
        json::Array signers;
        for (const auto& [address, key] : chain.sealers) signers.emplace_back(address.text());
        return {{"signers", std::move(signers)}};
    }
    std::string account() const { return kind.account(evm::test::secret_of(1)); }
    static json::Object arguments() {
        return {{"to", "0x7E5F4552091A69125d5DfCb7b8C2659029395Bdf"}, {"amount", "2500"}};
    }
    ledger::Pin pin() const {
        const contract::Contract contract = contract::Contract::parse(package.config);
        const contract::LedgerTarget& target = in_force->ledgers.at("cash").candidates.front();
        const ledger::Target callee{.interface = contract.ledgers.at("cash").interface,
                                    .call = contract.effects.at("pay").call,
                                    .address = target.address,
                                    .work = target.work};
        return {.chain = target.chain,
                .account = account(),
                .slot = 4,
                .call = kind.call(callee, arguments(), "/args"),
                .ceiling = target.ceiling};
    }

    void lock() {
        use_enclave(world.enclave);
        json::Object document = first_document();
        document["ledgers"] = json::Object{{"cash", cash}};
        in_force = parse_binding(document);
        effect = {{"effect", "pay"}, {"args", arguments()}, {"ledger", "cash"}, {"pin", pin().to_json()}};
        if (route) effect["route"] = route->to_json();
        auto entry = next(contract::EntryType::bind);
        entry.package = world.package;
        entry.audiences = audiences();
        entry.accounts = accounts;
        append(entry, json::canonical(sign_binding(document, world.buyer, world.seller).to_json()), before);
    }
    void amend_version(const json::Object& document) {
        in_force = parse_binding(document);
        auto entry = next(contract::EntryType::amend);
        entry.package = world.package;
        entry.audiences = audiences();
        entry.accounts = accounts;
        append(entry, json::canonical(sign_binding(document, world.buyer, world.seller).to_json()), state_now());
    }
    void prepare() {
        const std::string text =
            crypto::sign_compact(bytes_of(contract::write_message(message())), contract::message_typ, world.buyer);
        auto entry = execute_entry(world.buyer, "buyer", "did:web:buyer.example");
        entry.type = contract::EntryType::prepare;
        entry.effects = {effect};
        entry.deadline = entry.time + deadline;
        entry.decision = decision;
        append(entry, text, after, sealed_disclosures());
        prepared = contract::Entry::parse(appended.back().record.document).id(appended.back().record.document);
    }
    void step(contract::EntryType type, std::string ending = {}, std::string_view input = {}) {
        auto entry = next(type);
        entry.transaction = prepared;
        entry.ending = std::move(ending);
        append(entry, input, entry.ending == "aborted" ? before : state_now());
    }
    // Prepares what has to succeed instead.
    void prepare_reminder() {
        effect["effect"] = "remind";
        effect["kind"] = "retriable";
        decision = "commit";
        prepare();
    }
    contract::Resolution resolution() const {
        return {.binding = in_force->id,
                .version = in_force->hash,
                .transaction = prepared,
                .step = 0,
                .role = ledger::Role::call,
                .reason = "nobody needs to be reminded any more",
                .expires = start_time + 86'400'000};
    }
    template <class... Keys>
    void resolve(const contract::Resolution& document, const Keys&... keys) {
        const json::Object payload = json::parse(contract::write_resolution(document), "r").as_object();
        auto entry = next(contract::EntryType::resolve);
        entry.transaction = prepared;
        entry.reason = document.reason;
        append(entry, json::canonical(sign_document(payload, contract::resolution_typ, keys...).to_json()),
               state_now());
    }
    void conclude_reminder(ledger::Fate fate, std::vector<std::uint32_t> given_up) {
        auto entry = next(contract::EntryType::outcome);
        entry.transaction = prepared;
        entry.ending = "committed";
        entry.fate = fate;
        entry.given_up = std::move(given_up);
        const auto purpose = fate == ledger::Fate::called ? ledger::Purpose::call : ledger::Purpose::cancel;
        append(entry, json::canonical(evidence(purpose)), state_now());
    }
    // What the chain shows once `purpose` was signed and sent, `depth` blocks deep.
    json::Value evidence(ledger::Purpose purpose, bool succeeded = true, std::size_t depth = 2) {
        ledger::Pin other = pin();
        other.account = kind.account(evm::test::secret_of(9));
        chain.transactions.clear();
        chain.receipts.clear();
        chain.add(kind.sign(other, ledger::Purpose::call, 10, evm::test::secret_of(9)));
        chain.add(kind.sign(pin(), purpose, 10, evm::test::secret_of(1)), succeeded);
        chain.build(depth);
        return chain.evidence(1);
    }
    void conclude(std::string ending, const json::Value& shown) {
        fee = fee_of(shown);
        step(contract::EntryType::outcome, std::move(ending), json::canonical(shown));
    }
    std::string fee_of(const json::Value& shown) const {
        try {
            return kind.judge(pin(), {.blocks = 1, .witness = "host"}, shown).fee;
        } catch (const Error&) {  // a test of evidence that does not hold
            return {};
        }
    }
    // A second chain that could have been chosen, and was dearer.
    void add_candidate() {
        json::Object other = cash;
        other["chain"] = "eip155:20260";
        accounts = {{"cash", json::Object{{"eip155:31337", account()}, {"eip155:20260", account()}}}};
        cash = {{"needs", json::Object{{"finality_seconds", 60},
                                       {"private", true},
                                       {"assets", json::Object{{"eip155:20260/slip44:60", "60000000"},
                                                               {"eip155:31337/slip44:60", "60000000"}}}}},
                {"candidates", json::Array{cash, other}}};
        for (json::Value& one : cash.at("candidates").as_array()) {
            json::Object& candidate = one.as_object();
            candidate.at("finality").as_object()["seconds"] = 60;
            candidate["asset"] = std::string(candidate.at("chain").as_string()) + "/slip44:60";
            candidate["private"] = true;
        }
        route = {.chain = "eip155:31337",
                 .reason = contract::RouteReason::cheapest,
                 .passed = {{"eip155:20260", contract::RouteReason::dearer}}};
    }
    // Bound, prepared, paid.
    void paid() {
        lock();
        prepare();
        conclude("committed", evidence(ledger::Purpose::call));
    }

    json::Object state_now() const { return contract::parse_state(appended.back().record.state, "/state"); }

    // As a node composes it: the versions, the steps that the last entry rests on, the last entry.
    proof::Receipt receipt() const {
        const auto type_of = [](const confidential::Appended& one) {
            return contract::Entry::parse(one.record.document).type;
        };
        const bool later = proof::follows_prepare(type_of(appended.back()));
        std::vector<confidential::Appended> chosen;
        for (std::size_t i = 0; i < appended.size(); ++i) {
            const contract::EntryType type = type_of(appended[i]);
            const bool brings = type == contract::EntryType::bind || type == contract::EntryType::amend;
            const bool step = later && (type == contract::EntryType::prepare || proof::follows_prepare(type));
            if (brings || i + 1 == appended.size() || step) chosen.push_back(appended[i]);
        }
        const std::string identity =
            confidential::Identity::write(world.ledger, world.ledger_encryption.public_key(), start_time - 2000);
        return proof::make_receipt(chosen, enclaves, identity, json::canonical(ledger_evidence()), package);
    }

  private:
    static constexpr std::string_view contract_text =
        R"({"typ":"concordat/contract/1","abi":1,"name":"payer","version":"1.0.0","description":"","language":"c++",
"roles":["buyer","seller"],"state":{"type":"object","properties":{}},"terms":{"type":"object","properties":{}},
"actions":{"confirm":{"from":["buyer"],"message":{"type":"object","properties":{}},"effects":["pay","remind"]},
"settle":{"from":["close"],"message":{"type":"object","properties":{}}}},
"sources":{"close":{"observation":{"type":"object","properties":{}}}},
"effects":{"pay":{"ledger":"cash","call":"transfer","kind":"pivot"},
"refund":{"ledger":"cash","call":"transfer","kind":"pivot"},
"remind":{"ledger":"cash","call":"transfer","kind":"retriable"}},
"ledgers":{"cash":{"kind":"evm","interface":[{"type":"function","name":"transfer","stateMutability":"nonpayable",
"inputs":[{"name":"to","type":"address"},{"name":"amount","type":"uint256"}],"outputs":[{"name":"","type":"bool"}]}]}}})";
};

}  // namespace concordat::test
