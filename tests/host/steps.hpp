// A binding whose messages begin transactions of several steps.
#pragma once
#include "transact.hpp"

namespace concordat::test {

inline const contract::Package& several_package() {
    static const contract::Package built = build_contract("several");
    return built;
}

inline json::Object three_ledgers() {
    return {{"shares", cash("vault")}, {"cash", cash("treasury")}, {"notes", cash("vault")}};
}

struct Steps : Transact {
    Payer deal{platform, three_ledgers(), several_package()};
    Hash256 transaction;
    std::vector<contract::PinnedCall> calls;

    void begin(const std::string& steps) {
        deal.lock(*paying);
        next(steps, 1);
    }
    void next(const std::string& steps, std::int64_t number) {
        deal.pay(*paying, 7, steps, number, "deal");
        transaction = deal.head;
        calls = deal.entry().pinned();
    }
    void take_pins() {
        for (contract::PinnedCall& call : deal.entry().pinned()) calls.push_back(std::move(call));
    }
    void ends(std::size_t call, Fate fate = Fate::called) {
        deal.step(*paying, EntryType::outcome, transaction, evidence(calls.at(call).pin, fate), start_time,
                  static_cast<std::uint32_t>(call));
        take_pins();
    }
    // What the newest entry pins: "lock call, pay call".
    std::string pinned() const {
        std::string out;
        for (const contract::PinnedCall& call : deal.entry().pinned()) {
            out += (out.empty() ? "" : ", ") + std::string(call.pin.call->at("tag").as_string());
        }
        return out;
    }
    void expect_verified() {
        const proof::Verdict verdict =
            proof::verify(receipt_of(platform, *paying, several_package()), trust_of(platform), kinds);
        EXPECT_TRUE(verdict.holds) << proof::render_text(verdict);
    }
    bool signs(std::size_t call, Purpose purpose = Purpose::call) {
        try {
            deal.sign(*paying, transaction, purpose, 10, static_cast<std::uint32_t>(call));
            return true;
        } catch (const Error&) {
            return false;
        }
    }
};

}  // namespace concordat::test
