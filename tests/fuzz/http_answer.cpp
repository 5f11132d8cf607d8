// A participant's answer, an account's request, a pin: strict parsers, and what is accepted is written and read again
// as the same.
#include <ledger/http/kind/kind.hpp>

#include "attempt.hpp"

namespace {

using namespace concordat;
using namespace concordat::ledger;

crypto::PrivateKey participant() {
    std::array<std::uint8_t, 32> bytes{};
    bytes[31] = 99;
    return crypto::PrivateKey::from_secret(crypto::Alg::eddsa, SecretKey(std::move(bytes)));
}

// The payload as if the participant had signed it, so that more than the signature's check is reached.
void read_signed(ByteView payload) {
    static const crypto::PrivateKey key = participant();
    static const Finality finality{
        .blocks = 1, .witness = "signature", .parameters = {{"key", key.public_key().jwk()}, {"hold_minutes", 60}}};
    const std::string text = crypto::sign_compact(payload, http::answer_typ, key);
    const http::Answer answer = http::Answer::parse(text, key.public_key(), "answer");
    const http::Answer again = http::Answer::parse(answer.sign(key), key.public_key(), "answer");
    if (again.request != answer.request || again.number != answer.number || again.fate != answer.fate ||
        again.detail != answer.detail || again.holds_until != answer.holds_until || again.time != answer.time) {
        __builtin_trap();
    }
    const Pin pin{.chain = http::chain_of(key.public_key()),
                  .account = answer.account,
                  .slot = answer.number,
                  .call = json::Object{{"resource", "payments"},
                                       {"operation", "reserve"},
                                       {"role", "call"},
                                       {"step", Hash256{}.text()},
                                       {"arguments", json::Object{}}}};
    const Judgement judgement = http::HttpKind().judge(pin, finality, json::Object{{"answer", text}});
    if (judgement.fate == Fate::called && answer.request != http::digest_of(*pin.call)) __builtin_trap();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const ByteView bytes(data, size);
    attempt([&] { read_signed(bytes); });
    attempt([&] { http::Request::parse(text_of(bytes), "request"); });
    attempt([&] {
        http::Answer::parse(text_of(bytes), participant().public_key(), "answer");
        if (size == 0) __builtin_trap();
    });
    attempt([&] {
        const Pin pin = Pin::parse(json::parse(text_of(bytes), "pin"), "pin");
        http::HttpKind().check(pin);
        if (json::canonical(Pin::parse(pin.to_json(), "pin").to_json()) != json::canonical(pin.to_json())) {
            __builtin_trap();
        }
    });
    return 0;
}
