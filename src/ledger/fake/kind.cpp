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

// JCS of members that come in order: it is made for each transaction of a benchmark's.
class Text {
  public:
    Text() { out_.reserve(512); }
    Text& json(std::string_view name, std::string_view value) {
        begin(name) += value;
        return *this;
    }
    Text& text(std::string_view name, std::string_view value) {
        json::append_string(begin(name), value);
        return *this;
    }
    Text& number(std::string_view name, std::uint64_t value) { return text(name, std::to_string(value)); }
    std::string end() { return std::move(out_ += '}'); }

  private:
    std::string& begin(std::string_view name) {
        return out_.append(out_.empty() ? "{\"" : ",\"").append(name).append("\":");
    }
    std::string out_;
};

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
    const std::string text = Text()
                                 .text("account", pin.account)
                                 .json("call", call ? json::canonical(*pin.call) : "{}")
                                 .text("chain", pin.chain)
                                 .number("price", price)
                                 .text("purpose", call ? "call" : "cancel")
                                 .number("slot", pin.slot)
                                 .end();
    const Hash256 mac = crypto::hmac_sha256(key.expose(), {bytes_of(text)});
    return to_bytes(bytes_of(Text().text("body", text).text("mac", mac.text()).end()));
}

Hash256 FakeKind::seal(const Pin& pin, const Judgement& judgement, std::uint64_t depth) const {
    const std::string pinned = Text()
                                   .text("account", pin.account)
                                   .json("call", json::canonical(*pin.call))
                                   .number("ceiling", pin.ceiling)
                                   .text("chain", pin.chain)
                                   .number("slot", pin.slot)
                                   .end();
    const std::string text = Text()
                                 .number("block", judgement.block)
                                 .number("depth", depth)
                                 .text("fate", fate_name(judgement.fate))
                                 .text("fee", judgement.fee)
                                 .json("pin", pinned)
                                 .text("transaction", judgement.transaction)
                                 .end();
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
