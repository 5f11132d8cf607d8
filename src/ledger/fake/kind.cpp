#include <base/json_text.hpp>
#include <charconv>
#include <crypto/hash.hpp>

#include "fake.hpp"

namespace concordat::ledger::fake {

namespace {

std::uint64_t whole(std::string_view text, const std::string& field) {
    std::uint64_t value = 0;
    const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (problem != std::errc{} || end != text.data() + text.size()) {
        throw Error(Code::bad_format, field, "must be a whole number, as text");
    }
    return value;
}

std::string text_of(std::string_view text) {
    std::string out;
    json::append_string(out, text);
    return out;
}

// JCS of members whose names and texts are in order: it is made for each transaction of a benchmark's.
std::string object_text(std::initializer_list<std::pair<std::string_view, std::string>> members) {
    std::string out;
    for (const auto& [name, text] : members) {
        out.append(out.empty() ? "{\"" : ",\"").append(name).append("\":").append(text);
    }
    return out + "}";
}

}  // namespace

void FakeKind::check(const Pin& pin) const {
    json::Reader call(*pin.call, "/call");
    whole(call.string("pay", 20), "/call/pay");
    call.string("tag", 256);
    const std::string_view fail = call.string("fail", 16);
    if (fail != "never" && fail != "always" && fail != "sometimes") {
        call.fail("fail", "must be never, always or sometimes");
    }
    call.finish();
    if (pin.chain != chain_) throw Error(Code::bad_format, "/chain", "must be " + chain_);
}

void FakeKind::check(const Target& target, const Finality&) const {
    if (target.call != "pay") throw Error(Code::bad_format, "/call", "must be pay");
}

json::Object FakeKind::call(const Target&, const json::Object& arguments, const std::string&) const {
    return arguments;
}

std::string FakeKind::account(const SecretKey& key) const { return crypto::sha256(key.expose()).hex().substr(0, 16); }

Bytes FakeKind::sign(const Pin& pin, Purpose purpose, Price price, const SecretKey& key) const {
    const bool call = purpose == Purpose::call;
    const std::string text = object_text({{"account", text_of(pin.account)},
                                          {"call", call ? json::canonical(*pin.call) : "{}"},
                                          {"chain", text_of(pin.chain)},
                                          {"price", text_of(std::to_string(price))},
                                          {"purpose", text_of(call ? "call" : "cancel")},
                                          {"slot", text_of(std::to_string(pin.slot))}});
    const Hash256 mac = crypto::hmac_sha256(key.expose(), {bytes_of(text)});
    return to_bytes(bytes_of(object_text({{"body", text_of(text)}, {"mac", text_of(mac.text())}})));
}

Hash256 FakeKind::seal(const Pin& pin, const Judgement& judgement, std::uint64_t depth) const {
    const std::string pinned = object_text({{"account", text_of(pin.account)},
                                            {"call", json::canonical(*pin.call)},
                                            {"ceiling", text_of(std::to_string(pin.ceiling))},
                                            {"chain", text_of(pin.chain)},
                                            {"slot", text_of(std::to_string(pin.slot))}});
    const std::string text = object_text({{"block", text_of(std::to_string(judgement.block))},
                                          {"depth", text_of(std::to_string(depth))},
                                          {"fate", text_of(fate_name(judgement.fate))},
                                          {"fee", text_of(judgement.fee)},
                                          {"pin", pinned},
                                          {"transaction", text_of(judgement.transaction)}});
    return crypto::hmac_sha256(bytes_of("seal of " + chain_), {bytes_of(text)});
}

json::Value FakeKind::evidence(const Pin& pin, const Judgement& judgement, std::uint64_t depth) const {
    return json::Object{{"fate", fate_name(judgement.fate)},        {"transaction", judgement.transaction},
                        {"block", std::to_string(judgement.block)}, {"fee", judgement.fee},
                        {"depth", std::to_string(depth)},           {"seal", seal(pin, judgement, depth).text()}};
}

Judgement FakeKind::judge(const Pin& pin, const Finality& finality, const json::Value& evidence) const {
    json::Reader reader(evidence, "/evidence");
    Judgement out;
    const std::string_view fate = reader.string("fate", 16);
    if (fate == "called") {
        out.fate = Fate::called;
    } else if (fate == "failed") {
        out.fate = Fate::failed;
    } else if (fate == "cancelled") {
        out.fate = Fate::cancelled;
    } else {
        reader.fail("fate", "must be called, failed or cancelled");
    }
    out.transaction = reader.string("transaction", 128);
    out.block = whole(reader.string("block", 20), "/evidence/block");
    out.fee = reader.string("fee", 20);
    const std::uint64_t depth = whole(reader.string("depth", 20), "/evidence/depth");
    const Hash256 given = reader.hash("seal");
    reader.finish();
    if (given != seal(pin, out, depth)) throw Error(Code::bad_receipt, "/evidence/seal", "is not the chain's");
    if (depth < finality.blocks) {
        throw Error(Code::bad_receipt, "/evidence/depth", "must be at least " + std::to_string(finality.blocks));
    }
    out.proved = finality.witness != "host";
    return out;
}

}  // namespace concordat::ledger::fake
