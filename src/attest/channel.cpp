#include "channel.hpp"

#include <base/error.hpp>
#include <base/wire.hpp>
#include <crypto/hash.hpp>
#include <crypto/jws.hpp>

namespace concordat::attest {
namespace {

constexpr std::string_view typ = "concordat/channel/1";
constexpr std::string_view exporter_label = "EXPORTER-concordat-attest";
constexpr std::size_t read_bytes = 1 << 16;
constexpr std::size_t length_bytes = 4;
constexpr std::size_t max_introduction_bytes = std::size_t{1} << 20;  // from a peer that has proved nothing yet

std::string_view role_of(Side side) { return side == Side::enclave ? "enclave" : "ledger"; }
Side other(Side side) { return side == Side::enclave ? Side::ledger : Side::enclave; }

[[noreturn]] void refuse(std::string field, std::string rule) {
    throw Error(Code::bad_evidence, std::move(field), std::move(rule));
}

// Runs a step and ends the channel when it throws.
template <class Step>
void or_die(bool& dead, Step step) {
    try {
        step();
    } catch (...) {
        dead = true;
        throw;
    }
}

}  // namespace

AttestedChannel::AttestedChannel(Side side, EvidenceProvider& provider, const crypto::PrivateKey& signing_key)
    : side_(side),
      provider_(provider),
      signing_key_(signing_key),
      tls_(side == Side::enclave ? TlsPipe::Role::client : TlsPipe::Role::server) {}

void AttestedChannel::require_alive() const {
    if (dead_) throw Error(Code::protocol, "channel", "has ended by an earlier failure");
}

void AttestedChannel::require_ready() const {
    if (!ready_) panic("an attested channel is used before it is ready");
}

Bytes AttestedChannel::start() {
    require_alive();
    or_die(dead_, [&] { progress(); });
    return take_output();
}

void AttestedChannel::receive(ByteView tls_bytes) {
    require_alive();
    or_die(dead_, [&] {
        tls_.feed(tls_bytes);
        progress();
    });
}

Bytes AttestedChannel::take_output() { return tls_.take_output(); }

void AttestedChannel::progress() {
    if (!introduced_) {
        if (!tls_.handshake()) return;
        introduce();
    }
    take_messages();
}

Hash256 AttestedChannel::report_data(Side side, const crypto::PublicKey& key) const {
    const std::uint8_t zero = 0;
    return crypto::sha256(
        {bytes_of(typ), {&zero, 1}, bytes_of(role_of(side)), {&zero, 1}, exporter_.view(), key.thumbprint().view()});
}

void AttestedChannel::introduce() {
    exporter_ = tls_.exporter(exporter_label);
    const Hash256 data = report_data(side_, signing_key_.public_key());
    json::Object hello;
    hello["typ"] = typ;
    hello["role"] = role_of(side_);
    hello["key"] = signing_key_.public_key().jwk();
    hello["evidence"] = provider_.make(data);
    hello["proof"] = crypto::sign_compact(data.view(), typ, signing_key_);
    write_message(bytes_of(json::canonical(hello)));
    introduced_ = true;
}

void AttestedChannel::take_messages() {
    while (true) {
        const Bytes plaintext = tls_.read(read_bytes);
        if (plaintext.empty()) return;
        partial_.insert(partial_.end(), plaintext.begin(), plaintext.end());
        std::size_t start = 0;
        while (partial_.size() - start >= length_bytes) {
            wire::Reader in(ByteView(partial_).subspan(start));
            const std::size_t size = in.u32();
            if (size > (ready_ ? max_channel_message_bytes : max_introduction_bytes))
                throw Error(Code::protocol, "channel", "a message is larger than it may be");
            if (in.left() < size) break;
            const ByteView message = in.raw(size);
            if (!ready_)
                check_peer(message);
            else {
                unread_.push_back(to_bytes(message));
                unread_bytes_ += size + length_bytes;
            }
            start += length_bytes + size;
        }
        partial_.erase(partial_.begin(), partial_.begin() + static_cast<std::ptrdiff_t>(start));
        if (unread_bytes_ > max_channel_unread_bytes)
            throw Error(Code::protocol, "channel", "more than 16 MiB of messages are unread");
    }
}

void AttestedChannel::check_peer(ByteView hello) try {
    const json::Value value = json::parse(text_of(hello), "/channel", {.bytes = max_introduction_bytes});
    json::Reader in(value, "/channel");
    in.expect("typ", typ);
    const Side side = other(side_);
    in.expect("role", role_of(side));
    peer_key_ = crypto::PublicKey::from_jwk(in.any("key"), in.at("key"));
    peer_evidence_ = in.any("evidence");
    const std::string proof_text(in.string("proof"));
    in.finish();

    const Hash256 expected = report_data(side, peer_key_);
    const crypto::Jws proof = crypto::parse_compact(proof_text, in.at("proof"));
    if (proof.header.typ != typ) refuse(in.at("proof"), "must have typ " + std::string(typ));
    proof.verify(peer_key_, in.at("proof"));
    if (!equal_constant_time(proof.payload, expected.view()))
        refuse(in.at("proof"), "must sign this channel, this role and this key");
    peer_claims_ = verify_evidence(peer_evidence_, in.at("evidence"));
    if (peer_claims_.report_data != expected)
        refuse(in.at("evidence") + "/report_data", "must bind this channel, this role and this key");
    ready_ = true;
} catch (const Error& error) {
    throw Error(Code::bad_evidence, error.field(), error.rule());
}

const Claims& AttestedChannel::peer_claims() const {
    require_ready();
    return peer_claims_;
}

const crypto::PublicKey& AttestedChannel::peer_key() const {
    require_ready();
    return peer_key_;
}

const json::Value& AttestedChannel::peer_evidence() const {
    require_ready();
    return peer_evidence_;
}

void AttestedChannel::write_message(ByteView message) {
    wire::Writer out;
    out.reserve(length_bytes + message.size());
    out.bytes(message);
    tls_.write(out.get());
}

void AttestedChannel::send(ByteView message) {
    require_alive();
    require_ready();
    if (message.size() > max_channel_message_bytes) throw Error(Code::too_large, "message", "must be at most 8 MiB");
    or_die(dead_, [&] { write_message(message); });
}

std::optional<Bytes> AttestedChannel::next_message() {
    require_alive();
    if (unread_.empty()) return std::nullopt;
    Bytes message = std::move(unread_.front());
    unread_.pop_front();
    unread_bytes_ -= message.size() + length_bytes;
    return message;
}

}  // namespace concordat::attest
