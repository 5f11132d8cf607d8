// A binding whose messages have effects on a fake ledger, and an enclave that knows such ledgers.
#pragma once
#include <ledger/fake/fake.hpp>
#include <proof/verify.hpp>

#include "support.hpp"

namespace concordat::test {

using ledger::Fate;
using ledger::Purpose;

inline const contract::Package& payer_package() {
    static const contract::Package built = build_contract("payer");
    return built;
}

inline json::Object cash(const std::string& account = "treasury") {
    return json::Object{{"chain", "fake:1"},
                        {"genesis", "the first block"},
                        {"address", "anybody"},
                        {"account", account},
                        {"work", "1"},
                        {"ceiling", "1000"},
                        {"finality", json::Object{{"blocks", 3}, {"witness", "host"}}},
                        {"deadline_minutes", 10}};
}

struct Payer {
    LedgerWorld& platform;
    const contract::Package& package;
    SystemRandom random;
    contract::Contract contract = contract::Contract::parse(package.config);
    json::Object document;
    Hash256 id, version, head;
    Bytes jws;
    enclave::Committed last;
    client::AudienceKeys keys;

    explicit Payer(LedgerWorld& where, json::Object ledgers = {{"cash", cash()}},
                   const contract::Package& what = payer_package())
        : platform(where), package(what) {
        document = platform.document(++Forward::count());
        document["package"] = package.id().text();
        document["sources"] = json::Object{};
        document["terms"] = json::Object{};
        document["ledgers"] = std::move(ledgers);
        id = version = version_of(document);
        jws = platform.signed_jws(document);
    }
    void take(enclave::Committed&& made) {
        last = std::move(made);
        head = LedgerWorld::id_of(last.record);
    }
    void lock(HostedEnclave& enclave) {
        enclave.load(package);
        take(enclave.act(EntryType::bind, {}, jws, start_time));
        keys = client::open_audience_keys(entry().audiences, platform.world.buyer_encryption);
    }
    contract::Entry entry() const { return last.record.check(); }
    std::string message(int amount, const std::string& purpose, std::int64_t number, const char* action = "pay") {
        contract::Message out;
        out.binding = id;
        out.version = version;
        out.seen = head;
        out.ledger = platform.ledger->chain();
        out.action = action;
        out.number = number;
        out.expires = start_time + hour;
        return client::make_message(out, contract.actions.at(action).message,
                                    json::Object{{"amount", amount}, {"purpose", purpose}}, keys, platform.world.buyer,
                                    random);
    }
    void pay(HostedEnclave& enclave, int amount, const std::string& purpose, std::int64_t number,
             const char* action = "pay") {
        take(enclave.execute(id, message(amount, purpose, number, action), start_time));
    }
    json::Object state() const { return json::parse(text_of(last.record.state), "").as_object(); }
    void step(HostedEnclave& enclave, EntryType type, const Hash256& transaction, const json::Value& input = nullptr,
              TimeMs time = start_time, std::uint32_t call = 0) {
        Bytes bytes = input.is_null() ? Bytes{} : to_bytes(bytes_of(json::canonical(input)));
        if (type == EntryType::disputed) bytes = ended[transaction];
        take(enclave::decode_committed(
            enclave.call(enclave::FrameType::act, enclave::encode(enclave::Act{.type = type,
                                                                               .binding = id,
                                                                               .time = time,
                                                                               .input = bytes,
                                                                               .transaction = transaction,
                                                                               .call = call}))));
        if (entry().type == EntryType::outcome) ended[transaction] = last.record.private_state;
    }
    std::map<Hash256, Bytes> ended;  // private states of the entries that ended transactions
    Bytes sign(HostedEnclave& enclave, const Hash256& transaction, Purpose purpose, ledger::Price price,
               std::uint32_t call = 0) {
        return enclave.call(enclave::FrameType::sign,
                            enclave::encode(enclave::Sign{id, transaction, call, purpose, price}));
    }
};

struct Transact : Hosted {
    ledger::fake::FakeKind fake{"fake:1"};
    std::array<const ledger::Kind*, 1> kinds{&fake};

    std::unique_ptr<HostedEnclave> make_paying() {
        return std::make_unique<HostedEnclave>(*platform.ledger, platform.world.measurement, platform.clock,
                                               enclave::CoreOptions{}, kinds);
    }
    json::Value evidence(const ledger::Pin& pin, Fate fate, std::uint64_t depth = 3) const {
        return fake.evidence(pin, {.fate = fate, .proved = false, .transaction = "t", .block = 9}, depth);
    }
    std::unique_ptr<HostedEnclave> paying = make_paying();
};

// The receipt of the newest entry of the only binding on this ledger, as a node composes it.
inline std::string receipt_of(const LedgerWorld& platform, HostedEnclave& enclave,
                              const contract::Package& package = payer_package()) {
    const ccl::ReadReply all = platform.ledger->read(0, 100);
    const auto entry_of = [](const ccl::Appended& one) { return contract::Entry::parse(one.record.document); };
    const contract::Entry newest = entry_of(all.entries.back());
    const bool later = proof::follows_prepare(newest.type);
    std::vector<ccl::Appended> chosen;
    for (std::size_t i = 0; i < all.entries.size(); ++i) {
        const contract::Entry entry = entry_of(all.entries[i]);
        const bool brings = entry.type == EntryType::bind || entry.type == EntryType::amend;
        const bool step = later && (entry.type == EntryType::prepare || proof::follows_prepare(entry.type)) &&
                          entry.transaction.value_or(LedgerWorld::id_of(all.entries[i].record)) == newest.transaction;
        if (brings || step || i + 1 == all.entries.size()) chosen.push_back(all.entries[i]);
    }
    const json::Value evidence = enclave.ledger_evidence(platform.ledger->service_key());
    return proof::make_receipt(chosen, all.enclaves, platform.ledger->identity(), json::canonical(evidence),
                               proof::ReceiptPackage{package.manifest, package.config})
        .write();
}

inline proof::TrustFile trust_of(const LedgerWorld& platform) {
    proof::TrustFile trust;
    trust.ledgers = {{platform.ledger->chain(), platform.ledger->service_key()}};
    trust.development_roots = {platform.world.root.public_key().thumbprint()};
    trust.measurements = {platform.world.measurement, hash_of("ledger code")};
    trust.minimum_svn = 1;
    trust.allow_development = true;
    trust.allow_asserted = {"clock", "rollback"};
    trust.chains["fake:1"] = {.witness = std::string(ledger::host_witness)};
    return trust;
}

}  // namespace concordat::test
