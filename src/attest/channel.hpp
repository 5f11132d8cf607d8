// The attested channel between an enclave and the record ledger, which the node relays and cannot read. Without I/O of
// its own: TLS bytes in, TLS bytes out.
//
// TLS 1.3 with throw-away certificates makes a tunnel to *someone*. Inside it each side sends one message,
//   {"typ":"concordat/channel/1","role":"enclave"|"ledger","key":JWK,"evidence":{…},"proof":compact JWS}
// The evidence's report_data is SHA-256("concordat/channel/1" ‖ 0x00 ‖ role ‖ 0x00 ‖ exporter ‖ key thumbprint), and
// the proof, of typ concordat/channel/1, signs those 32 bytes with that key, the side's statement signing key. The
// exporter (RFC 8446 §7.5, RFC 9266: 32 bytes under the label EXPORTER-concordat-attest) differs in every tunnel, so
// that evidence shown in another one, by a relay with a tunnel to each side, or in the other role, does not hold.
//
// The channel checks what the peer proves; whether the peer's claims suffice is for the caller: apply a Policy to
// peer_claims() before the first send().
#pragma once
#include <crypto/key.hpp>
#include <deque>
#include <optional>

#include "evidence.hpp"
#include "tls.hpp"

namespace concordat::attest {

enum class Side : std::uint8_t { enclave, ledger };  // the enclave is the TLS client

inline constexpr std::size_t max_channel_message_bytes = std::size_t{1} << 23;
inline constexpr std::size_t max_channel_unread_bytes = std::size_t{1} << 24;

// Any failure throws Error(bad_evidence) when the peer proves too little, Error(protocol) otherwise, and ends the
// channel: every later call but take_output() throws Error(protocol). Not for use from two threads.
class AttestedChannel {
  public:
    // Both references are used until the channel is ready.
    AttestedChannel(Side side, EvidenceProvider& provider, const crypto::PrivateKey& signing_key);

    Bytes start();                     // the first TLS bytes; none for the ledger
    void receive(ByteView tls_bytes);  // in any portions
    Bytes take_output();               // what must go to the peer now; after a failure it may hold a TLS alert
    bool ready() const { return ready_ && !dead_; }

    // Only once ready; aborts before.
    const Claims& peer_claims() const;
    const crypto::PublicKey& peer_key() const;
    const json::Value& peer_evidence() const;

    void send(ByteView message);  // at most max_channel_message_bytes; Error(too_large) leaves the channel as it was
    std::optional<Bytes> next_message();

  private:
    void progress();
    void introduce();
    void take_messages();
    void check_peer(ByteView hello);
    Hash256 report_data(Side side, const crypto::PublicKey& key) const;
    void write_message(ByteView message);
    void require_alive() const;
    void require_ready() const;

    Side side_;
    EvidenceProvider& provider_;
    const crypto::PrivateKey& signing_key_;
    TlsPipe tls_;
    bool introduced_ = false;
    bool ready_ = false;
    bool dead_ = false;
    Hash256 exporter_;
    Claims peer_claims_;
    crypto::PublicKey peer_key_;
    json::Value peer_evidence_;
    Bytes partial_;  // the plaintext of a message that is not whole yet
    std::deque<Bytes> unread_;
    std::size_t unread_bytes_ = 0;
};

}  // namespace concordat::attest
