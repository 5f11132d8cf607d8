#include "clique.hpp"

#include "keccak.hpp"
#include "vectors_test.hpp"

namespace concordat::ledger::evm::clique {
namespace {

SecretKey secret_of(std::uint8_t last) {
    std::array<std::uint8_t, 32> bytes{};
    bytes[31] = last;
    return SecretKey(std::move(bytes));
}

struct Network {
    std::vector<std::pair<Address, std::uint8_t>> keys;  // in the signers' order
    Signers signers;

    explicit Network(std::size_t count) {
        std::vector<Address> addresses;
        for (std::size_t i = 1; i <= count; ++i) {
            const auto secret = static_cast<std::uint8_t>(i);
            addresses.push_back(address_of(crypto::secp256k1_point(secret_of(secret))));
            keys.emplace_back(addresses.back(), secret);
        }
        std::sort(keys.begin(), keys.end());
        signers = Signers::make(std::move(addresses), 100, "/signers");
    }

    Header header(std::uint64_t number, std::size_t sealer) const {
        Header out;
        out.uncles_hash = keccak256(Bytes{0xc0});
        out.number = number;
        out.base_fee = 7;
        out.difficulty = number % keys.size() == sealer ? 2 : 1;
        out.extra_data.resize(97);
        return sealed(out, sealer);
    }

    Header sealed(Header header, std::size_t sealer) const {
        seal(header, secret_of(keys[sealer].second));
        return header;
    }

    Header checkpoint(std::uint64_t number, std::size_t sealer) const {
        Header out = header(number, sealer);
        out.extra_data.assign(32, 0);
        for (const auto& key : keys)
            out.extra_data.insert(out.extra_data.end(), key.first.bytes.begin(), key.first.bytes.end());
        out.extra_data.resize(out.extra_data.size() + 65);
        return sealed(out, sealer);
    }
};

std::string rule(const Network& network, const Header& header) {
    return refusal([&] { check_finality(network.signers, std::vector{header}, "/chain"); });
}

TEST(Clique, AMajorityOfSealsProves) {
    const Network network(4);
    std::vector<Header> chain;
    const std::size_t order[] = {1, 2, 0, 3, 1};
    for (std::size_t i = 0; i < 5; ++i) {
        chain.push_back(network.header(9 + i, order[i]));
        const Finality finality = check_finality(network.signers, chain, "/chain");
        EXPECT_EQ(finality.needed, 3u);
        EXPECT_EQ(finality.distinct, std::min<std::size_t>(i + 1, 4));
        EXPECT_EQ(finality.proved(), i >= 2);
        EXPECT_EQ(finality.sealers.back(), network.keys[order[i]].first);
    }
    EXPECT_FALSE(check_finality(network.signers, {}, "/chain").proved());
    EXPECT_TRUE(check_finality(Network(1).signers, std::vector{Network(1).header(5, 0)}, "/chain").proved());
}

TEST(Clique, NobodySealsTwiceWithinTheWindow) {
    const Network network(4);
    EXPECT_EQ(refusal([&] {
                  check_finality(network.signers,
                                 std::vector{network.header(9, 1), network.header(10, 2), network.header(11, 1)},
                                 "/chain");
              }),
              "/chain/2/extraData: must not be sealed by a signer who has sealed too recently");
    EXPECT_NO_THROW(check_finality(
        network.signers,
        std::vector{network.header(9, 1), network.header(10, 2), network.header(11, 3), network.header(12, 1)},
        "/chain"));
}

TEST(Clique, RefusesASealThatIsNotATrustedSigners) {
    const Network network(3);
    Header header = network.header(5, 1);
    seal(header, secret_of(99));
    EXPECT_EQ(rule(network, header).substr(0, 65), "/chain/0/extraData: must be sealed by a trusted signer, not by 0x");
    header = network.header(5, 1);
    header.gas_used = 1;  // after the seal: recovers some other key
    EXPECT_NE(rule(network, header), "was accepted");
    header = network.header(5, 1);
    header.extra_data.back() = 27;
    EXPECT_EQ(rule(network, header), "/chain/0/extraData: must end in a low-S signature on secp256k1");
    header.extra_data.resize(96);
    EXPECT_EQ(rule(network, header), "/chain/0/extraData: must have a vanity of 32 bytes and a seal of 65");
}

TEST(Clique, RefusesOtherForms) {
    const Network network(3);
    const auto edited = [&](auto edit) {
        Header header = network.header(5, 1);
        edit(header);
        return rule(network, network.sealed(header, 1));
    };
    EXPECT_EQ(edited([](Header&) {}), "was accepted");
    EXPECT_EQ(edited([](Header& h) { h.nonce.fill(0xff); }), "was accepted");
    EXPECT_EQ(edited([](Header& h) { h.difficulty = 2; }),
              "/chain/0/difficulty: must be 2 in the signer's turn, 1 otherwise");
    EXPECT_EQ(edited([](Header& h) { h.mix_hash.bytes[0] = 1; }), "/chain/0/mixHash: must be zero");
    EXPECT_EQ(edited([](Header& h) { h.uncles_hash = {}; }), "/chain/0/sha3Uncles: must be the hash of an empty list");
    EXPECT_EQ(edited([](Header& h) { h.nonce[0] = 1; }), "/chain/0/nonce: must be all zeros or all ones");
    EXPECT_EQ(edited([](Header& h) { h.extra_data.resize(98); }),
              "/chain/0/extraData: must have exactly 97 bytes between checkpoints");
}

TEST(Clique, ACheckpointListsTheTrustedSigners) {
    const Network network(3);
    EXPECT_EQ(rule(network, network.checkpoint(200, 1)), "was accepted");
    EXPECT_EQ(rule(network, network.header(200, 1)),
              "/chain/0/extraData: must list the trusted signers at a checkpoint");
    Header other = network.checkpoint(200, 1);
    other.extra_data[40] ^= 1;
    EXPECT_EQ(rule(network, network.sealed(other, 1)),
              "/chain/0/extraData: must list the trusted signers at a checkpoint");
    Header vote = network.checkpoint(200, 1);
    vote.beneficiary = network.keys[0].first;
    EXPECT_EQ(rule(network, network.sealed(vote, 1)), "/chain/0/miner: must be zero at a checkpoint");
    vote = network.checkpoint(200, 1);
    vote.nonce.fill(0xff);
    EXPECT_EQ(rule(network, network.sealed(vote, 1)), "/chain/0/nonce: must be zero at a checkpoint");
}

// Two signers of geth in turn, with a checkpoint among them.
TEST(Clique, ARecordedNetwork) {
    const json::Value recorded = read_vectors("clique.json");
    std::vector<Address> addresses;
    for (const auto& item : recorded.at("signers").as_array())
        addresses.push_back(Address::parse(item.as_string(), "signer"));
    const auto epoch = static_cast<std::uint64_t>(recorded.at("epoch").as_int64());
    const Signers signers = Signers::make(addresses, epoch, "/signers");
    std::vector<Header> chain;
    bool checkpoint = false;
    for (const auto& block : recorded.at("blocks").as_array()) {
        chain.push_back(header_from_rpc(block, "/block"));
        checkpoint = checkpoint || chain.back().number % epoch == 0;
    }
    EXPECT_TRUE(checkpoint);
    const Finality finality = check_finality(signers, chain, "/chain");
    EXPECT_EQ(finality.distinct, 2u);
    EXPECT_TRUE(finality.proved());
    EXPECT_FALSE(check_finality(signers, std::span(chain).first(1), "/chain").proved());
    EXPECT_TRUE(check_finality(signers, std::span(chain).first(2), "/chain").proved());
    const Signers others = Signers::make({addresses[0]}, epoch, "/signers");
    EXPECT_THROW(check_finality(others, chain, "/chain"), Error);
    const Signers another_epoch = Signers::make(addresses, default_epoch, "/signers");
    EXPECT_EQ(refusal([&] { check_finality(another_epoch, chain, "/chain"); }),
              "/chain/2/extraData: must have exactly 97 bytes between checkpoints");
}

TEST(Clique, SignersAreNamedOnce) {
    EXPECT_EQ(refusal([] { Signers::make({}, 1, "/signers"); }), "/signers: must name signers, and an epoch");
    EXPECT_EQ(refusal([] { Signers::make({Address{}}, 0, "/signers"); }), "/signers: must name signers, and an epoch");
    EXPECT_EQ(refusal([] { Signers::make({Address{}, Address{}}, 1, "/signers"); }),
              "/signers: must name each signer once");
    EXPECT_EQ(refusal([] { Signers::make(std::vector<Address>(513), 1, "/signers"); }),
              "/signers: must be at most 512 signers");
}

}  // namespace
}  // namespace concordat::ledger::evm::clique
