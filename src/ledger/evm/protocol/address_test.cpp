#include "address.hpp"

#include "keccak.hpp"
#include "vectors_test.hpp"

namespace concordat::ledger::evm {
namespace {

TEST(Address, PublicChecksums) {
    const json::Value vectors = read_vectors("addresses.json");
    ASSERT_GT(vectors.as_array().size(), 15u);
    for (const auto& v : vectors.as_array()) {
        const Address address = Address::parse(v.at("address").as_string(), "address");
        EXPECT_EQ(address.text(), std::string_view(v.at("checksum").as_string()));
        EXPECT_EQ(Address::parse(address.text(), "address"), address);
        EXPECT_EQ(address.lower(), std::string_view(v.at("address").as_string()));
    }
}

TEST(Address, RefusesOtherTexts) {
    for (const char* bad :
         {"", "0x", "5aaeb6053f3e94c9b9a09f33669435e7ef1beaed", "0x5aaeb6053f3e94c9b9a09f33669435e7ef1beae",
          "0x5aaeb6053f3e94c9b9a09f33669435e7ef1beaedaa", "0x5AAEB6053F3E94C9B9A09F33669435E7EF1BEAED",
          "0x5aAeb6053f3E94C9b9A09f33669435E7Ef1Beaed", "0X5aaeb6053f3e94c9b9a09f33669435e7ef1beaed"})
        EXPECT_THROW(Address::parse(bad, "to"), Error) << bad;
}

// The first account of the development mnemonic that anvil, hardhat and foundry print.
TEST(Address, OfAKeyAndOfItsContracts) {
    std::array<std::uint8_t, 32> secret;
    const Bytes bytes = from_hex("ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80").value();
    std::copy(bytes.begin(), bytes.end(), secret.begin());
    const Address address = address_of(crypto::secp256k1_point(SecretKey(std::move(secret))));
    EXPECT_EQ(address.text(), "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266");
    EXPECT_EQ(created_address(address, 0).text(), "0x5FbDB2315678afecb367f032d93F642f64180aa3");
    EXPECT_EQ(created_address(address, 1).text(), "0xe7f1725E7734CE288F8367e1Bb143E90bb3F0512");
}

TEST(Address, OfASignatureKey) {
    SystemRandom random;
    const auto key = crypto::PrivateKey::generate(crypto::Alg::es256k, random);
    const json::Value jwk = json::parse(key.jwk_text().expose(), "jwk");
    const Bytes secret = from_base64url(jwk.at("d").as_string()).value();
    std::array<std::uint8_t, 32> copy;
    std::copy(secret.begin(), secret.end(), copy.begin());
    EXPECT_EQ(address_of(key.public_key(), "key"), address_of(crypto::secp256k1_point(SecretKey(std::move(copy)))));
    const auto other = crypto::PrivateKey::generate(crypto::Alg::eddsa, random);
    EXPECT_THROW(address_of(other.public_key(), "key"), Error);
}

// EIP-1014's own examples.
TEST(Address, Create2) {
    const Hash256 zero{};
    EXPECT_EQ(created_address(Address{}, zero, keccak256(Bytes{0})).text(),
              "0x4D1A2e2bB4F88F0250f26Ffff098B0b30B26BF38");
    const Address deployer = Address::parse("0xdeadbeef00000000000000000000000000000000", "a");
    EXPECT_EQ(created_address(deployer, zero, keccak256(Bytes{0})).text(),
              "0xB928f69Bb1D91Cd65274e3c79d8986362984fDA3");
}

TEST(Caip, ChainsAndAccounts) {
    EXPECT_EQ(ChainId::parse("eip155:31337", "chain").value, 31337u);
    EXPECT_EQ(ChainId{1}.text(), "eip155:1");
    const std::string text = "eip155:1:0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266";
    EXPECT_EQ(Account::parse(text, "account").text(), text);
    for (const char* bad : {"", "eip155", "eip155:", "eip155:0", "eip155:01", "eip155:-1", "eip155:9223372036854775808",
                            "ccl:1", "eip155:1 ", "EIP155:1"})
        EXPECT_THROW(ChainId::parse(bad, "chain"), Error) << bad;
    for (const char* bad : {"eip155:1", "eip155:1:", "eip155::0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266",
                            "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"})
        EXPECT_THROW(Account::parse(bad, "account"), Error) << bad;
    EXPECT_EQ(refusal([] { ChainId::parse("eip155:x", "/chain"); }),
              "/chain: must be eip155: and a decimal chain id from 1 to 2^63−1");
}

}  // namespace
}  // namespace concordat::ledger::evm
