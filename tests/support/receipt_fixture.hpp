// Makes whole receipts in a test by acting as enclave and record ledger, with the real signing code and fixed keys.
#pragma once
#include <attest/development.hpp>
#include <contract/costs.hpp>
#include <contract/sealing.hpp>
#include <crypto/merkle.hpp>
#include <functional>
#include <memory>
#include <proof/receipt.hpp>
#include <proof/trust.hpp>

#include "fixture.hpp"

namespace concordat::test {

namespace confidential = ledger::confidential;

inline std::string make_disclosure(std::string_view name, const json::Value& value) {
    const auto salt = to_base64url(ByteView(hash_of(name).bytes).first(16));
    return to_base64url(bytes_of(json::canonical(json::Value(json::Array{salt, name, value}))));
}

inline std::string disclosure_digest(std::string_view text) { return to_base64url(hash_of(text).view()); }

inline Hash256 key_report_data(std::string_view use, const crypto::PublicKey& key) {
    static constexpr std::array<std::uint8_t, 1> zero{0};
    return crypto::sha256({bytes_of(use), zero, key.thumbprint().view()});
}

class ReceiptMaker {
  public:
    std::shared_ptr<World> shared = std::make_shared<World>();  // private keys do not copy, tellings of the story do
    World& world = *shared;
    std::vector<confidential::Appended> appended;
    std::vector<confidential::EnclaveIdentity> enclaves;
    std::optional<contract::Binding> in_force;
    std::uint64_t flags = confidential::flag_single_node;
    std::optional<contract::CostTerms> sharing;            // of the contracts of versions to come
    std::function<void(contract::Entry&)> change_costs{};  // of each entry, once they are what they should be

    SecretKey binding_key() const {
        std::array<std::uint8_t, 32> raw = hash_of("binding key").bytes;
        return SecretKey(std::move(raw));
    }
    SecretKey audience_key(std::string_view audience) const {
        return contract::audience_key(binding_key(), in_force->hash, audience);
    }

    json::Value evidence(const crypto::PrivateKey& root, const Hash256& measurement, const char* product,
                         std::int64_t svn, const Hash256& report_data) const {
        ManualClock clock(start_time - 1000);
        FixedRandom unused("");
        const auto jwk = root.jwk_text();
        attest::DevelopmentProvider provider(crypto::PrivateKey::from_jwk(json::parse(jwk.expose(), "root"), "root"),
                                             measurement, product, svn, clock);
        return provider.make(report_data);
    }
    void use_enclave(const crypto::PrivateKey& key) {
        const auto report_data = key_report_data("concordat/enclave-key/1", key.public_key());
        enclaves.push_back(
            {json::canonical(key.public_key().jwk()),
             json::canonical(evidence(world.root, world.measurement, "concordat-enclave", 1, report_data))});
    }
    json::Value ledger_evidence() const {
        return evidence(world.root, world.ledger_measurement, "concordat-ledger", 1,
                        key_report_data("concordat/ledger-key/1", world.ledger.public_key()));
    }

    // The next entry of the sequence, with everything set that follows from what was appended before.
    contract::Entry next(contract::EntryType type) const {
        contract::Entry entry;
        entry.type = type;
        entry.ledger = world.chain();
        entry.binding = in_force->id;
        entry.version = in_force->hash;
        entry.sequence = static_cast<std::int64_t>(appended.size());
        entry.time = start_time + entry.sequence * 1000;
        entry.state_before = contract::state_root({});
        if (appended.empty()) return entry;
        const auto before = contract::Entry::parse(appended.back().record.document);
        entry.previous = before.id(appended.back().record.document);
        entry.state_before = before.state_after;
        entry.sequence = before.sequence + 1;
        return entry;
    }

    // Claims the entry in a batch of two and appends it among others' leaves.
    void append(contract::Entry entry, std::string_view input, const json::Object& state,
                const json::Object& sealed = {}) {
        confidential::Appended one;
        one.record.input = to_bytes(bytes_of(input));
        one.record.state = to_bytes(bytes_of(json::canonical(state)));
        one.record.disclosures = to_bytes(bytes_of(json::canonical(sealed)));
        one.record.private_state = to_bytes(bytes_of("ciphertext"));
        entry.input = crypto::sha256(one.record.input);
        entry.state_after = contract::state_root(state);
        entry.disclosures = crypto::sha256(one.record.disclosures);
        entry.private_state = crypto::sha256(one.record.private_state);
        meter(entry, one.record);
        one.record.document = to_bytes(bytes_of(entry.write()));
        const Hash256 id = entry.id(one.record.document);
        one.enclave_key = world.enclave.public_key().thumbprint();
        one.claim = claim(id);
        one.receipt = ledger_receipt(id);
        appended.push_back(std::move(one));
    }

    // As an enclave does. What other ledgers charged, if the next entry is to show it.
    void meter(contract::Entry& entry, const contract::EntryRecord& record) {
        const bool begins = entry.type == contract::EntryType::bind;
        const bool brings = begins || entry.type == contract::EntryType::amend;
        if (begins && sharing) used_.emplace();
        if (used_) {
            used_->add(contract::used_by(entry, record.input, record.disclosures.size()));
            used_->add_fee("eip155:31337", std::exchange(fee, ""));
        } else if (brings && sharing) {
            used_.emplace();
        }
        entry.costs = used_;
        if (brings) entry.cost_terms = sharing;
        if (brings && !sharing) used_.reset();
        if (change_costs) change_costs(entry);
    }
    std::string fee{};

    confidential::Claim claim(const Hash256& id) const {
        const Hash256 neighbour = hash_of("another binding's entry");
        confidential::Claim out;
        out.kid = world.enclave.public_key().kid();
        out.index = 1;
        out.size = 2;
        out.path = {neighbour};
        const Hash256 root = crypto::merkle_node(neighbour, id);
        out.signature = world.enclave.sign(
            confidential::enclave_root_statement(world.enclave.public_key().thumbprint(), world.chain(), 2, root));
        return out;
    }

    confidential::LedgerReceipt ledger_receipt(const Hash256& id) {
        tree_.append(hash_of("other " + std::to_string(tree_.size())));
        tree_.append(confidential::ledger_leaf(id, world.enclave.public_key().thumbprint()));
        confidential::LedgerReceipt out;
        out.index = tree_.size() - 1;
        tree_.append(hash_of("other " + std::to_string(tree_.size())));
        out.size = tree_.size();
        out.path = tree_.inclusion(out.index, out.size);
        out.time = start_time + 5;
        out.flags = flags;
        out.signature = world.ledger.sign(confidential::ledger_root_statement(
            world.ledger.public_key().thumbprint(), out.size, tree_.root(), out.time, out.flags));
        return out;
    }

    // What others append.
    void grow(std::size_t leaves) {
        for (std::size_t i = 0; i < leaves; ++i) tree_.append(hash_of("other " + std::to_string(tree_.size())));
    }
    confidential::SignedRoot signed_root() const {
        confidential::SignedRoot out{
            .size = tree_.size(), .root = tree_.root(), .time = start_time + 900'000, .flags = flags, .signature = {}};
        out.signature = world.ledger.sign(confidential::ledger_root_statement(world.ledger.public_key().thumbprint(),
                                                                              out.size, out.root, out.time, out.flags));
        return out;
    }
    std::vector<Hash256> consistency(std::uint64_t from) const { return consistency(from, tree_.size()); }
    std::vector<Hash256> consistency(std::uint64_t from, std::uint64_t to) const { return tree_.consistency(from, to); }

    json::Object audiences() const {
        FixedRandom random("audiences");
        json::Object out;
        for (const char* audience : {"buyer", "buyer+seller"}) {
            out[audience] = crypto::encrypt_jwe(audience_key(audience).expose(), "concordat/audience-key/1",
                                                in_force->readers(audience), random);
        }
        return out;
    }

    // --- the steps of the standard story
    std::string sealed_list(std::string_view at, const std::string& disclosure) const {
        return json::canonical(json::Value(json::Array{json::Object{{"at", at}, {"disclosure", disclosure}}}));
    }
    json::Object initial_state() const { return {{"phase", "open"}, {"count", 0}}; }
    std::string price() const { return make_disclosure("price", "29.50"); }
    std::string limit() const { return make_disclosure("limit", "31.00"); }
    std::string secret_term() const { return make_disclosure("strike", "28.00"); }
    json::Object later_state() const {
        return {{"phase", "confirmed"}, {"count", 1}, {"_sd", json::Array{disclosure_digest(price())}}};
    }

    json::Object first_document() const {
        FixedRandom random("terms");
        json::Object document = world.first_document();
        document.at("terms").as_object()["_sd"] = json::Array{disclosure_digest(secret_term())};
        const auto enclaves_hash = crypto::sha256(json::canonical(document.at("enclaves")));
        const json::Object plain{{"typ", "concordat/terms/1"},
                                 {"enclaves", enclaves_hash.text()},
                                 {"disclosures", json::Array{secret_term()}}};
        document["sealed_terms"] = json::Object{
            {"buyer",
             crypto::encrypt_jwe(bytes_of(json::canonical(plain)), "concordat/terms/1",
                                 {world.buyer_encryption.public_key(), world.ledger_encryption.public_key()}, random)}};
        return document;
    }

    void bind() {
        const json::Object document = first_document();
        in_force = parse_binding(document);
        auto entry = next(contract::EntryType::bind);
        entry.package = world.package;
        entry.audiences = audiences();
        append(entry, json::canonical(sign_binding(document, world.buyer, world.seller).to_json()), initial_state());
    }

    template <class... Keys>
    void amend(const json::Object& document, const Keys&... keys) {
        in_force = parse_binding(document);
        auto entry = next(contract::EntryType::amend);
        entry.package = world.package;
        entry.audiences = audiences();
        append(entry, json::canonical(sign_binding(document, keys...).to_json()), initial_state());
    }

    contract::Message message() const {
        contract::Message out;
        out.binding = in_force->id;
        out.version = in_force->hash;
        out.ledger = world.chain();
        out.action = "confirm";
        out.number = 3;
        out.seen = next(contract::EntryType::execute).previous;
        out.expires = start_time + 3600000;
        out.body = {{"quantity", "1000"}, {"_sd", json::Array{disclosure_digest(limit())}}};
        const auto box = contract::seal(audience_key("buyer"), contract::message_aad(in_force->id, "buyer"),
                                        bytes_of(sealed_list("message", limit())));
        out.sealed = {{"buyer", box.to_json()}};
        return out;
    }

    contract::Entry execute_entry(const crypto::PrivateKey& by, std::string role, std::string id) const {
        auto entry = next(contract::EntryType::execute);
        entry.sender_role = std::move(role);
        entry.sender_id = std::move(id);
        entry.sender_key = by.public_key().kid();
        entry.action = "confirm";
        entry.number = 3;
        entry.result = json::Object{{"accepted", true}};
        entry.fuel = 120000;
        entry.meter = "wasmtime/1";
        return entry;
    }

    json::Object sealed_disclosures() const {
        const auto box = contract::seal(audience_key("buyer+seller"), contract::entry_aad(in_force->id, "buyer+seller"),
                                        bytes_of(sealed_list("state", price())));
        return {{"buyer+seller", box.to_json()}};
    }

    void execute(const contract::Message& content) {
        const std::string text =
            crypto::sign_compact(bytes_of(contract::write_message(content)), contract::message_typ, world.buyer);
        append(execute_entry(world.buyer, "buyer", "did:web:buyer.example"), text, later_state(), sealed_disclosures());
    }

    void observe() {
        const contract::Observation seen{
            "did:web:prices.example", 3, start_time, start_time + 3600000, {{"close", "29.50"}}};
        const std::string text =
            crypto::sign_compact(bytes_of(contract::write_observation(seen)), contract::observation_typ, world.feed);
        append(execute_entry(world.feed, "close", "did:web:prices.example"), text, later_state(), sealed_disclosures());
    }

    // Bind, an amendment, an execution.
    void story() {
        use_enclave(world.enclave);
        bind();
        json::Object second = next_document(*in_force);
        second.at("amendment").as_object()["deadline_hours"] = 24;
        amend(second, world.buyer, world.seller);
        execute(message());
    }

    proof::Receipt receipt() const {
        const std::string identity =
            confidential::Identity::write(world.ledger, world.ledger_encryption.public_key(), start_time - 2000);
        return proof::make_receipt(appended, enclaves, identity, json::canonical(ledger_evidence()));
    }

    proof::TrustFile trust() const {
        proof::TrustFile out;
        out.ledgers = {{world.chain(), world.ledger.public_key()}};
        out.development_roots = {world.root.public_key().thumbprint()};
        out.measurements = {world.measurement, world.ledger_measurement};
        out.minimum_svn = 1;
        out.allow_development = true;
        out.allow_asserted = {"clock", "rollback"};
        return out;
    }

  private:
    crypto::MerkleTree tree_;
    std::optional<contract::Usage> used_;
};

}  // namespace concordat::test
