// Genuine entries for contracts/test: real enclaves and a real record ledger play the sample, and what a contract on a
// chain would be shown is written down. The file is made anew only when asked (CONCORDAT_WRITE_VECTORS=1); at other
// times the product checks that it still says of the file what the Solidity is tested to say.
#include <gtest/gtest.h>

#include <base/file.hpp>
#include <cstdlib>

#include "support/platform.hpp"

namespace concordat::test {
namespace {

constexpr const char* vectors_path = CONCORDAT_SOURCE_DIR "/contracts/test/vectors/ledger.json";

std::string hex(ByteView bytes) {
    static constexpr char digits[] = "0123456789abcdef";
    std::string out = "0x";
    for (const std::uint8_t byte : bytes) {
        out += digits[byte >> 4];
        out += digits[byte & 15];
    }
    return out;
}
std::string hex(const Hash256& hash) { return hex(hash.view()); }

json::Array hex_path(std::span<const Hash256> path) {
    json::Array out;
    for (const Hash256& hash : path) out.emplace_back(hex(hash));
    return out;
}

json::Object hex_key(const crypto::PublicKey& key) {
    const json::Object jwk = key.jwk();
    const auto coordinate = [&](const char* name) { return hex(from_base64url(jwk.at(name).as_string()).value()); };
    return {{"x", coordinate("x")}, {"y", coordinate("y")}, {"thumbprint", hex(key.thumbprint())}};
}

void put_signature(json::Object& out, const crypto::Signature& signature) {
    out["r"] = hex(ByteView(signature).first(32));
    out["s"] = hex(ByteView(signature).last(32));
}

json::Object hex_claim(const ccl::Appended& one) {
    json::Object out{{"enclave", hex(one.enclave_key)},
                     {"index", one.claim.index},
                     {"size", one.claim.size},
                     {"path", hex_path(one.claim.path)}};
    put_signature(out, one.claim.signature);
    return out;
}

json::Object hex_receipt(const ccl::LedgerReceipt& receipt) {
    json::Object out{{"index", receipt.index},
                     {"size", receipt.size},
                     {"path", hex_path(receipt.path)},
                     {"time", receipt.time},
                     {"flags", receipt.flags}};
    put_signature(out, receipt.signature);
    return out;
}

// Each public member of a state with its place in the state's tree.
json::Array hex_state(const json::Object& state) {
    crypto::MerkleTree tree;
    std::map<std::string, json::Value> members;  // JCS order, as names here are ASCII
    for (const auto& [name, value] : state) members.emplace(name, value);
    for (const auto& [name, value] : members) {
        const Hash256 name_hash = crypto::sha256(name), value_hash = crypto::sha256(json::canonical(value));
        static constexpr std::array<std::uint8_t, 2> prefix{0x00, 0x53};
        tree.append(crypto::sha256({ByteView(prefix), name_hash.view(), value_hash.view()}));
    }
    json::Array out;
    for (const auto& [name, value] : members) {
        out.push_back(json::Object{{"name", name},
                                   {"value", json::canonical(value)},
                                   {"index", out.size()},
                                   {"size", members.size()},
                                   {"path", hex_path(tree.inclusion(out.size(), members.size()))}});
    }
    EXPECT_EQ(tree.root(), contract::state_root(state));
    return out;
}

json::Object hex_entry(const ccl::Appended& one) {
    const contract::Entry entry = one.record.check();
    const json::Object state = json::parse(text_of(one.record.state), "state").as_object();
    return {{"id", hex(LedgerWorld::id_of(one.record))},
            {"kind", static_cast<int>(entry.type)},
            {"binding", hex(entry.binding)},
            {"version", hex(entry.version)},
            {"sequence", entry.sequence},
            {"previous", hex(entry.previous)},
            {"input", hex(entry.input)},
            {"state", hex(entry.state_after)},
            {"effects", hex(Hash256{})},
            {"document", hex(crypto::sha256(one.record.document))},
            {"members", hex_state(state)},
            {"claim", hex_claim(one)},
            {"receipt", hex_receipt(one.receipt)}};
}

// Two enclaves, five forwards side by side so that claims come in batches, and the ledger's root after each act.
struct Story {
    LedgerWorld platform;
    std::vector<std::unique_ptr<HostedEnclave>> enclaves;
    std::vector<std::unique_ptr<Forward>> forwards;
    std::vector<ccl::SignedRoot> roots;
    std::vector<ccl::Appended> entries;  // each with a receipt of the tree as it was then
    std::vector<ccl::EnclaveIdentity> identities;

    Story() {
        for (int i = 0; i < 2; ++i) {
            enclaves.push_back(
                std::make_unique<HostedEnclave>(*platform.ledger, platform.world.measurement, platform.clock));
            enclaves.back()->load(sample_package("1.0.0"));
        }
        for (int i = 0; i < 5; ++i) forwards.push_back(std::make_unique<Forward>(platform));
        for (auto& forward : forwards) forward->lock(*enclaves[0]);
        mark();
        for (auto& forward : forwards) forward->run(*enclaves[0], forward->message("confirm", json::Object{}, 1));
        mark();
        fix_together("2010-02-01", "28.02", 1);
        mark();
        fix_together("2010-03-01", "28.80", 2);
        mark();
        Forward& first = *forwards[0];
        enclaves[1]->load_binding(first.jws, first.last.record);
        first.run(*enclaves[1], first.message("acknowledge", json::Object{{"amount", "700.00"}}, 2));
        mark();
    }
    void mark() {
        platform.clock.advance(1000);
        roots.push_back(platform.ledger->signed_root());
        ccl::ReadReply read = platform.ledger->read(entries.size(), 4096);
        std::ranges::move(read.entries, std::back_inserter(entries));
        for (ccl::EnclaveIdentity& one : read.enclaves) {
            if (identities.empty() || identities.back().key != one.key) identities.push_back(std::move(one));
        }
    }
    // What waits for the ledger is claimed together.
    void fix_together(const std::string& date, const std::string& price, std::int64_t number) {
        HostedEnclave& enclave = *enclaves[0];
        enclave.relay = false;
        std::vector<std::uint64_t> asked;
        for (auto& forward : forwards) {
            asked.push_back(enclave.begin_execute(forward->id, forward->fixing(date, price, number), start_time));
        }
        enclave.relay = true;
        enclave.pump();
        for (std::size_t i = 0; i < forwards.size(); ++i) {
            forwards[i]->last = enclave::decode_committed(enclave.take(asked[i]));
            forwards[i]->take_head();
        }
    }

    // One value to a line, so that a change can be read.
    std::string write() {
        std::string out = "{\n\"ledger\":" + json::canonical(hex_key(platform.ledger->service_key()));
        out += ",\n\"chain\":\"" + platform.ledger->chain() + "\",\n\"enclaves\":[";
        for (const auto& one : identities) {
            const auto key = crypto::PublicKey::from_jwk(json::parse(one.key, "key"), "key");
            out += (out.back() == '[' ? "\n" : ",\n") + json::canonical(hex_key(key));
        }
        out += "\n],\n\"roots\":[";
        std::uint64_t before = 0;
        for (const auto& root : roots) {
            json::Object line{{"from", before},    {"size", root.size},   {"root", hex(root.root)},
                              {"time", root.time}, {"flags", root.flags}, {"consistency", json::Array{}}};
            if (before != 0) line["consistency"] = hex_path(platform.ledger->consistency(before, root.size));
            put_signature(line, root.signature);
            before = root.size;
            out += (out.back() == '[' ? "\n" : ",\n") + json::canonical(line);
        }
        out += "\n],\n\"entries\":[";
        for (const auto& one : entries) out += (out.back() == '[' ? "\n" : ",\n") + json::canonical(hex_entry(one));
        return out + "\n]\n}\n";
    }
};

Bytes unhex(const json::Value& text) {
    const std::string digits = std::string(text.as_string()).substr(2);
    Bytes out;
    for (std::size_t i = 0; i < digits.size(); i += 2) {
        out.push_back(static_cast<std::uint8_t>(std::stoul(digits.substr(i, 2), nullptr, 16)));
    }
    return out;
}
Hash256 unhex_hash(const json::Value& text) { return Hash256::from(unhex(text)); }

std::vector<Hash256> unhex_path(const json::Value& path) {
    std::vector<Hash256> out;
    for (const json::Value& one : path.as_array()) out.push_back(unhex_hash(one));
    return out;
}

crypto::PublicKey unhex_key(const json::Value& key) {
    const auto coordinate = [&](const char* name) { return to_base64url(unhex(key.at(name))); };
    const json::Object jwk{{"kty", "EC"}, {"crv", "secp256k1"}, {"x", coordinate("x")}, {"y", coordinate("y")}};
    return crypto::PublicKey::from_jwk(jwk, "key");
}

crypto::Signature unhex_signature(const json::Value& value) {
    crypto::Signature out{};
    const Bytes r = unhex(value.at("r")), s = unhex(value.at("s"));
    std::copy(r.begin(), r.end(), out.begin());
    std::copy(s.begin(), s.end(), out.begin() + 32);
    return out;
}

std::uint64_t number(const json::Value& value, const char* name) { return value.at(name).to_number<std::uint64_t>(); }

ccl::LedgerReceipt unhex_receipt(const json::Value& value) {
    ccl::LedgerReceipt out;
    out.index = number(value, "index");
    out.size = number(value, "size");
    out.path = unhex_path(value.at("path"));
    out.time = static_cast<TimeMs>(number(value, "time"));
    out.flags = number(value, "flags");
    out.signature = unhex_signature(value);
    return out;
}

// What the Solidity is tested to say of these entries, said by the product's own checks.
void expect_entries_hold(const json::Value& all) {
    const crypto::PublicKey ledger = unhex_key(all.at("ledger"));
    const std::string chain(all.at("chain").as_string());
    EXPECT_EQ(ledger.thumbprint(), unhex_hash(all.at("ledger").at("thumbprint")));
    EXPECT_EQ(ccl::chain_of(ledger), chain);
    std::map<std::string, crypto::PublicKey> enclaves;
    for (const json::Value& key : all.at("enclaves").as_array()) {
        enclaves.emplace(key.at("thumbprint").as_string(), unhex_key(key));
    }
    std::uint64_t largest_batch = 0;
    for (const json::Value& entry : all.at("entries").as_array()) {
        const Hash256 id = unhex_hash(entry.at("id"));
        const json::Value& claimed = entry.at("claim");
        const crypto::PublicKey& enclave = enclaves.at(std::string(claimed.at("enclave").as_string()));
        ccl::Claim claim;
        claim.kid = enclave.kid();
        claim.index = number(claimed, "index");
        claim.size = number(claimed, "size");
        claim.path = unhex_path(claimed.at("path"));
        claim.signature = unhex_signature(claimed);
        EXPECT_NO_THROW(claim.verify(id, enclave, chain, "claim"));
        const ccl::LedgerReceipt receipt = unhex_receipt(entry.at("receipt"));
        EXPECT_NO_THROW(receipt.verify(ccl::ledger_leaf(id, enclave.thumbprint()), ledger, "receipt"));
        largest_batch = std::max(largest_batch, claim.size);
    }
    EXPECT_EQ(all.at("entries").as_array().size(), 21u);
    EXPECT_GE(largest_batch, 3u);  // a tree with a node that has no sibling
    EXPECT_EQ(enclaves.size(), 2u);
}

void expect_roots_are_one_history(const json::Value& all) {
    const crypto::PublicKey ledger = unhex_key(all.at("ledger"));
    ccl::SignedRoot before;
    for (const json::Value& line : all.at("roots").as_array()) {
        ccl::SignedRoot root;
        root.size = number(line, "size");
        root.root = unhex_hash(line.at("root"));
        root.time = static_cast<TimeMs>(number(line, "time"));
        root.flags = number(line, "flags");
        root.signature = unhex_signature(line);
        EXPECT_TRUE(root.verify(ledger));
        const std::vector<Hash256> path = unhex_path(line.at("consistency"));
        EXPECT_TRUE(before.size == 0 ||
                    crypto::verify_consistency(before.size, before.root, root.size, root.root, path));
        before = root;
    }
    EXPECT_EQ(all.at("roots").as_array().size(), 5u);
}

TEST(ContractVectors, OfTheRepositoryHold) {
    const json::Value all = json::parse(read_text_file(vectors_path), "vectors");
    expect_entries_hold(all);
    expect_roots_are_one_history(all);
}

TEST(ContractVectors, AreMadeByRealEnclavesAndARealLedger) {
    Story story;
    const std::string text = story.write();
    const json::Value all = json::parse(text, "vectors");
    expect_entries_hold(all);
    expect_roots_are_one_history(all);
    if (std::getenv("CONCORDAT_WRITE_VECTORS") != nullptr) write_file_atomic(vectors_path, bytes_of(text));
}

}  // namespace
}  // namespace concordat::test
