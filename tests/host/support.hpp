// What the tests of this folder share: a platform with one enclave, amendments of the sample's forward, and a contract
// that does whatever a message asks for.
#pragma once
#include <gtest/gtest.h>

#include <functional>

#include "support/amended_forward.hpp"
#include "support/platform.hpp"

namespace concordat::test {

using contract::EntryType;

// The code of the Error that `act` throws; a failure of the test when it throws none.
inline std::string error_of(const std::function<void()>& act) {
    try {
        act();
    } catch (const Error& error) {
        return std::string(code_name(error.code())) + " " + error.field();
    }
    return "no error";
}

inline constexpr TimeMs hour = 3'600'000;

struct Hosted : testing::Test {
    LedgerWorld platform;
    std::unique_ptr<HostedEnclave> enclave = make_enclave();

    std::unique_ptr<HostedEnclave> make_enclave(enclave::CoreOptions options = {}) {
        auto out =
            std::make_unique<HostedEnclave>(*platform.ledger, platform.world.measurement, platform.clock, options);
        out->load(sample_package("1.0.0"));
        return out;
    }
    // No byte of `secret` in anything that the enclave has said and nobody has taken yet.
    static bool said(const HostedEnclave& enclave, std::string_view secret) {
        return std::ranges::any_of(enclave.replies, [&](const auto& one) {
            return text_of(one.second.payload).find(secret) != std::string_view::npos;
        });
    }
};

template <class... Keys>
Bytes sign_version(const json::Object& document, const Keys&... keys) {
    return to_bytes(bytes_of(json::canonical(sign_binding(document, keys...).to_json())));
}

inline Hash256 version_of(const json::Object& document) { return crypto::sha256(json::canonical(document)); }

// The forward's next version: the package with margin.
inline json::Object with_margin(Forward& forward, std::string_view threshold = "500.00") {
    json::Object document = next_document(parse_binding(forward.document));
    amend_forward(document, sample_package("1.1.0"), threshold, forward.random);
    return document;
}

inline std::string decision(const std::string& what, const Hash256& document, const std::string& party,
                            const crypto::PrivateKey& key) {
    contract::Decision out;
    out.decision = what;
    out.document = document;
    out.party = party;
    out.reason = "a test";
    out.issued = start_time;
    return crypto::sign_compact(bytes_of(contract::write_decision(out)), contract::decision_typ, key);
}

// Of this folder's contracts.
inline contract::Package build_contract(const std::string& name) {
    registry::Toolchain toolchain;
    toolchain.sdk = CONCORDAT_SOURCE_DIR "/sdk/cryptlet/cpp";
    return registry::build_package(CONCORDAT_SOURCE_DIR "/tests/host/contracts/" + name, toolchain,
                                   HostedEnclave::engine());
}

inline const contract::Package& rogue_package() {
    static const contract::Package built = build_contract("rogue");
    return built;
}

struct Rogue {
    LedgerWorld& platform;
    SystemRandom random;
    contract::Contract contract = contract::Contract::parse(rogue_package().config);
    json::Object document;
    Hash256 id, head;
    enclave::Committed last;

    Rogue(LedgerWorld& where, HostedEnclave& enclave) : platform(where) {
        enclave.load(rogue_package());
        document = platform.document(++Forward::count());
        document["package"] = rogue_package().id().text();
        document["sources"] = json::Object{};
        document["terms"] = json::Object{};
        id = version_of(document);
        last = enclave.act(EntryType::bind, {}, platform.signed_jws(document), start_time);
        head = LedgerWorld::id_of(last.record);
    }
    std::string poke(const std::string& way, std::int64_t number, TimeMs expires = start_time + hour) {
        contract::Message out;
        out.binding = out.version = id;
        out.seen = head;
        out.ledger = platform.ledger->chain();
        out.action = "poke";
        out.number = number;
        out.expires = expires;
        return client::make_message(out, contract.actions.at("poke").message, json::Object{{"way", way}}, {},
                                    platform.world.buyer, random);
    }
    void run(HostedEnclave& enclave, const std::string& way, std::int64_t number) {
        last = enclave.execute(id, poke(way, number), start_time);
        head = LedgerWorld::id_of(last.record);
    }
};

}  // namespace concordat::test
