// A whole trusted platform in one process, with the test sitting where the node sits: real enclave cores, a real record
// ledger, real attested channels between them. The test sees, holds back, repeats and changes what a host could.
#pragma once
#include <attest/channel.hpp>
#include <attest/development.hpp>
#include <base/frame.hpp>
#include <client/documents.hpp>
#include <deque>
#include <enclave/core/core.hpp>
#include <enclave/protocol/protocol.hpp>
#include <ledger/kinds/kinds.hpp>
#include <registry/build.hpp>

#include "ledger.hpp"

namespace concordat::test {

// The ledger's end of one enclave's channel.
class LedgerEnd {
  public:
    LedgerEnd(ccl::RecordLedger& ledger, attest::EvidenceProvider& evidence)
        : ledger_(ledger), channel_(attest::Side::ledger, evidence, ledger.signing_key()) {}
    Bytes receive(ByteView tls) {
        channel_.receive(tls);
        while (std::optional<Bytes> message = channel_.next_message()) channel_.send(ccl::encode(answer(*message)));
        return channel_.take_output();
    }

    bool admitted() const { return admitted_; }

  private:
    ccl::Reply answer(ByteView message) {
        try {
            return std::visit([this](auto&& request) { return serve(request); }, ccl::decode_request(message));
        } catch (const Error& error) {
            return ccl::Refused{std::string(code_name(error.code())), error.field(), error.rule()};
        }
    }
    ccl::Reply serve(const ccl::Hello& hello) {
        enclave_ = ledger_.admit(hello, channel_.peer_key());
        admitted_ = true;
        return ccl::Done{};
    }
    ccl::Reply serve(const ccl::CreateKey& request) { return ledger_.create_key(enclave_, request.binding_jws); }
    ccl::Reply serve(const ccl::ReleaseKey& request) { return ledger_.release_key(enclave_, request.binding); }
    ccl::Reply serve(const ccl::OpenTerms& request) { return ledger_.open_terms(enclave_, request.binding_jws); }
    ccl::Reply serve(const ccl::Append& request) {
        const ccl::AppendRequest one{enclave_, &request};
        return std::visit([](auto outcome) -> ccl::Reply { return outcome; },
                          std::move(ledger_.append({&one, 1}).at(0)));
    }

    ccl::RecordLedger& ledger_;
    attest::AttestedChannel channel_;
    ccl::EnclaveId enclave_ = 0;
    bool admitted_ = false;
};

// One enclave as the host holds it: frames in and out, and the bytes of its channel, which `relay` may hold back.
class HostedEnclave {
  public:
    HostedEnclave(ccl::RecordLedger& ledger, const Hash256& measurement, Clock& clock,
                  enclave::CoreOptions options = {}, enclave::Kinds kinds = ledger::all_kinds())
        : evidence_(signing_key("development root"), measurement, "concordat-enclave", 1, clock),
          ledger_evidence_(signing_key("development root"), hash_of("ledger code"), "concordat-ledger", 1, clock),
          end_(std::make_unique<LedgerEnd>(ledger, ledger_evidence_)),
          core_(options, engine(), evidence_, "{}", measurement, random_, kinds) {
        call(enclave::FrameType::connect, {});
    }

    bool relay = true;    // off: what goes to the ledger waits in `to_ledger`
    bool deliver = true;  // off: what comes back waits in `from_ledger`
    std::deque<Bytes> to_ledger, from_ledger;
    bool keep_recorded = true;
    std::vector<Bytes> recorded;             // everything that went to the ledger so far
    std::map<std::uint64_t, Frame> replies;  // that nobody has taken yet

    std::uint64_t send(enclave::FrameType type, ByteView payload) {
        const std::uint64_t id = queue(type, payload);
        pump();
        return id;
    }
    // Hands a frame in, to be worked on with the next pump.
    std::uint64_t queue(enclave::FrameType type, ByteView payload) {
        core_.handle(Frame{static_cast<std::uint16_t>(type), ++last_id_, to_bytes(payload)});
        return last_id_;
    }
    void pump() {
        for (bool moved = true; moved;) {
            moved = false;
            core_.flush();
            out_.append(core_.take_output());
            while (std::optional<Frame> frame = out_.next()) {
                moved = true;
                if (static_cast<enclave::FrameType>(frame->type) == enclave::FrameType::channel) {
                    if (keep_recorded) recorded.push_back(frame->payload);
                    to_ledger.push_back(std::move(frame->payload));
                } else {
                    replies[frame->id] = std::move(*frame);
                }
            }
            for (; relay && !to_ledger.empty(); to_ledger.pop_front()) {
                moved = true;
                try {
                    if (Bytes back = end_->receive(to_ledger.front()); !back.empty())
                        from_ledger.push_back(std::move(back));
                } catch (const Error&) {
                    // The channel has ended on the ledger's side.
                }
            }
            for (; deliver && !from_ledger.empty(); from_ledger.pop_front()) {
                moved = true;
                core_.handle(
                    Frame{static_cast<std::uint16_t>(enclave::FrameType::channel), 0, std::move(from_ledger.front())});
            }
        }
    }
    bool answered(std::uint64_t id) const { return replies.contains(id); }
    // The reply's payload; throws the Error that an error reply stands for.
    Bytes take(std::uint64_t id) {
        const auto found = replies.find(id);
        if (found == replies.end()) throw Error(Code::timeout, "", "the enclave has not answered");
        Frame frame = std::move(found->second);
        replies.erase(found);
        if (static_cast<enclave::FrameType>(frame.type) == enclave::FrameType::error) {
            const enclave::ErrorReply error = enclave::decode_error(frame.payload);
            throw Error(code_from_name(error.code), error.field, error.rule);
        }
        return std::move(frame.payload);
    }
    Bytes call(enclave::FrameType type, ByteView payload) { return take(send(type, payload)); }

    void load(const contract::Package& package) {
        call(enclave::FrameType::load_package,
             enclave::encode(
                 enclave::LoadPackage{package.manifest, package.config, package.module, package.provenance}));
    }
    std::uint64_t begin_execute(const Hash256& binding, const std::string& input, TimeMs time,
                                std::vector<Bytes> ancestry = {}, enclave::Routes routes = {}) {
        return send(
            enclave::FrameType::execute,
            enclave::encode(enclave::Execute{binding, time, input, std::move(ancestry), {}, std::move(routes)}));
    }
    enclave::Committed execute(const Hash256& binding, const std::string& input, TimeMs time,
                               enclave::Routes routes = {}) {
        return enclave::decode_committed(take(begin_execute(binding, input, time, {}, std::move(routes))));
    }
    enclave::Committed act(contract::EntryType type, const Hash256& binding, Bytes input, TimeMs time) {
        return enclave::decode_committed(
            call(enclave::FrameType::act, enclave::encode(enclave::Act{type, binding, time, std::move(input)})));
    }
    // What the ledger shows of itself, as receipts hold it.
    json::Value ledger_evidence(const crypto::PublicKey& service_key) {
        return ledger_evidence_.make(ccl::ledger_report_data(service_key));
    }
    void load_binding(const Bytes& jws, const contract::EntryRecord& head) {
        call(enclave::FrameType::load_binding, enclave::encode(enclave::LoadBinding{jws, head}));
    }

    static enclave::runtime::Engine& engine() {
        static enclave::runtime::Engine one;  // one per process, as the runtime asks
        return one;
    }

  private:
    SystemRandom random_;
    attest::DevelopmentProvider evidence_, ledger_evidence_;
    std::unique_ptr<LedgerEnd> end_;
    enclave::Core core_;
    FrameBuffer out_;
    std::uint64_t last_id_ = 0;
};

inline const contract::Package& sample_package(const std::string& version) {
    static std::map<std::string, contract::Package> built;  // compiled once per test program
    auto found = built.find(version);
    if (found == built.end()) {
        registry::Toolchain toolchain;
        toolchain.sdk = CONCORDAT_SOURCE_DIR "/sdk/cryptlet/cpp";
        found = built
                    .emplace(version,
                             registry::build_package(CONCORDAT_SOURCE_DIR "/samples/equity-forward/package-" + version,
                                                     toolchain, HostedEnclave::engine()))
                    .first;
    }
    return found->second;
}

// The equity forward of the sample between the world's buyer and seller, as their own software would handle it.
struct Forward {
    LedgerWorld& platform;
    SystemRandom random;
    contract::Contract terms_of = contract::Contract::parse(sample_package("1.0.0").config);
    json::Object document;
    Bytes jws;
    Hash256 id;
    Hash256 version;
    Hash256 head;
    enclave::Committed last;
    client::AudienceKeys buyer_keys;

    explicit Forward(LedgerWorld& where) : platform(where) {
        document = platform.document(++count());
        document["package"] = sample_package("1.0.0").id().text();
        document["sources"] =
            json::Object{{"fixing", json::Object{{"id", "did:web:prices.example"},
                                                 {"keys", json::Array{platform.world.feed.public_key().jwk()}}}}};
        client::seal_terms(document, terms_of.terms,
                           json::Object{{"symbol", "MSFT"},
                                        {"currency", "USD"},
                                        {"effective", "2009-01-01"},
                                        {"maturity", "2010-03-01"},
                                        {"notional", "1000"},
                                        {"strike", "29.50"}},
                           random);
        jws = platform.signed_jws(document);
        id = version = crypto::sha256(json::canonical(document));
    }
    static std::uint64_t& count() {
        static std::uint64_t n = 0;  // a nonce for each forward of the program
        return n;
    }

    void lock(HostedEnclave& enclave, TimeMs time = start_time) {
        last = enclave.act(contract::EntryType::bind, {}, jws, time);
        take_head();
        const contract::Entry entry = last.record.check();
        buyer_keys = client::open_audience_keys(entry.audiences, platform.world.buyer_encryption);
    }
    void take_head() { head = LedgerWorld::id_of(last.record); }
    std::string message(const std::string& action, const json::Value& body, std::int64_t number,
                        TimeMs expires = start_time + 3600000) {
        return message(action, body, number, platform.world.buyer, expires);
    }
    std::string message(const std::string& action, const json::Value& body, std::int64_t number,
                        const crypto::PrivateKey& signer, TimeMs expires = start_time + 3600000) {
        contract::Message out;
        out.binding = id;
        out.version = version;
        out.seen = head;
        out.ledger = platform.ledger->chain();
        out.action = action;
        out.number = number;
        out.expires = expires;
        return client::make_message(out, terms_of.actions.at(action).message, body, buyer_keys, signer, random);
    }
    std::string fixing(const std::string& date, const std::string& price, std::int64_t number) {
        contract::Observation out;
        out.source = "did:web:prices.example";
        out.number = number;
        out.observed = start_time;
        out.expires = start_time + 3600000;
        out.body = json::Object{{"symbol", "MSFT"}, {"date", date}, {"price", price}};
        return client::make_observation(out, platform.world.feed);
    }
    void run(HostedEnclave& enclave, const std::string& input, TimeMs time = start_time) {
        last = enclave.execute(id, input, time);
        take_head();
    }
};

}  // namespace concordat::test
