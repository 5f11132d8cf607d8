#include "transaction.hpp"

#include "vectors_test.hpp"

namespace concordat::ledger::evm {
namespace {

SecretKey secret_of(const json::Value& hex) {
    std::array<std::uint8_t, 32> bytes;
    const Bytes read = hex_of(hex);
    std::copy(read.begin(), read.end(), bytes.begin());
    return SecretKey(std::move(bytes));
}

// The vectors write quantities in several ways: "0x", "0x0f…", numbers.
U256 loose(const json::Object& object, std::string_view name) {
    const auto* value = object.if_contains(name);
    if (value == nullptr) return 0;
    if (value->is_int64()) return U256(value->as_int64());
    std::string digits(std::string_view(value->as_string()).substr(2));
    if (digits.size() % 2 == 1) digits.insert(digits.begin(), '0');
    return from_word(from_hex(digits).value());
}

Transaction common(const json::Object& v) {
    Transaction tx;
    tx.nonce = static_cast<std::uint64_t>(loose(v, "nonce"));
    tx.gas_limit = static_cast<std::uint64_t>(loose(v, "gasLimit"));
    tx.value = loose(v, "value");
    if (v.contains("data")) tx.data = hex_of(v.at("data"));
    if (v.contains("to") && v.at("to") != "0x") tx.to = Address::from(hex_of(v.at("to")));
    return tx;
}

Transaction typed(const json::Object& v) {
    Transaction tx = common(v);
    tx.type = static_cast<Transaction::Type>(v.at("type").as_int64());
    tx.chain_id = static_cast<std::uint64_t>(loose(v, "chainId"));
    const bool dynamic = tx.type == Transaction::Type::dynamic_fee;
    tx.gas_price = loose(v, dynamic ? "maxFeePerGas" : "gasPrice");
    if (dynamic) tx.max_priority_fee = loose(v, "maxPriorityFeePerGas");
    if (!v.contains("accessList")) return tx;
    for (const auto& entry : v.at("accessList").as_array()) {
        AccessEntry access{.address = Address::from(hex_of(entry.at("address"))), .storage_keys = {}};
        for (const auto& key : entry.at("storageKeys").as_array())
            access.storage_keys.push_back(Hash256::from(hex_of(key)));
        tx.access_list.push_back(std::move(access));
    }
    return tx;
}

void expect_signed(const Transaction& tx, const SecretKey& secret, const json::Value& encoded, const json::Value& from,
                   const json::Value& name) {
    const SignedTransaction made = sign(tx, secret);
    EXPECT_EQ(to_0x(encode(made)), std::string_view(encoded.as_string())) << name;
    const SignedTransaction read = decode_transaction(hex_of(encoded));
    EXPECT_EQ(read, made) << name;
    EXPECT_EQ(sender(read).lower(), std::string_view(from.as_string())) << name;
}

TEST(Transaction, PublicLegacyVectors) {
    const json::Value vectors = read_vectors("legacy-transactions.json");
    ASSERT_GE(vectors.as_array().size(), 20u);
    std::size_t taken = 0;
    for (const auto& v : vectors.as_array()) {
        if ((loose(v.as_object(), "gasLimit") >> 64) != 0) {  // more gas than a block's 64-bit field: refused here
            EXPECT_THROW(decode_transaction(hex_of(v.at("signedTransaction"))), Error);
            continue;
        }
        ++taken;
        Transaction tx = common(v.as_object());
        tx.type = Transaction::Type::legacy;
        tx.gas_price = loose(v.as_object(), "gasPrice");
        const SecretKey secret = secret_of(v.at("privateKey"));
        EXPECT_EQ(to_0x(signing_payload(tx)), std::string_view(v.at("unsignedTransaction").as_string()));
        expect_signed(tx, secret, v.at("signedTransaction"), v.at("accountAddress"), v.at("name"));
        tx.chain_id = 5;
        EXPECT_EQ(to_0x(signing_payload(tx)), std::string_view(v.at("unsignedTransactionChainId5").as_string()));
        expect_signed(tx, secret, v.at("signedTransactionChainId5"), v.at("accountAddress"), v.at("name"));
    }
    EXPECT_GE(taken, 12u);
}

TEST(Transaction, PublicTypedVectors) {
    const json::Value vectors = read_vectors("typed-transactions.json");
    std::size_t refused = 0, of_type[3] = {};
    for (const auto& v : vectors.as_array()) {
        const Transaction tx = typed(v.at("tx").as_object());
        if (tx.max_priority_fee > tx.gas_price) {  // random vectors that no chain would take: nor do we
            EXPECT_THROW(decode_transaction(hex_of(v.at("signed"))), Error) << v.at("name");
            ++refused;
            continue;
        }
        ++of_type[static_cast<int>(tx.type)];
        EXPECT_EQ(to_0x(signing_payload(tx)), std::string_view(v.at("unsigned").as_string())) << v.at("name");
        expect_signed(tx, secret_of(v.at("key")), v.at("signed"), v.at("address"), v.at("name"));
    }
    EXPECT_GE(of_type[1], 8u);
    EXPECT_GE(of_type[2], 5u);
    EXPECT_EQ(of_type[1] + of_type[2] + refused, vectors.as_array().size());
}

// The example of EIP-155 itself.
TEST(Transaction, Eip155Example) {
    Transaction tx;
    tx.type = Transaction::Type::legacy;
    tx.chain_id = 1;
    tx.nonce = 9;
    tx.gas_price = U256(20000000000);
    tx.gas_limit = 21000;
    tx.to = Address::parse("0x3535353535353535353535353535353535353535", "to");
    tx.value = U256("1000000000000000000");
    EXPECT_EQ(signing_hash(tx).hex(), "daf5a779ae972f972197303d7b574746c7ef83eadac0f2791ad23db92e4c8e53");
    std::string key = "0x";
    for (int i = 0; i < 32; ++i) key += "46";
    const SignedTransaction made = sign(tx, secret_of(json::Value(key)));
    EXPECT_EQ(
        to_hex(encode(made)),
        "f86c098504a817c800825208943535353535353535353535353535353535353535880de0b6b3a76400008025a028ef61340bd939bc219"
        "5fe537567866003e1a15d3c71ff63e1590620aa636276a067cbe9d8997f761aecb703304b3800ccf555c9f3dc64214b297fb1966a3b6d"
        "83");
}

Transaction sample() {
    Transaction tx;
    tx.chain_id = 31337;
    tx.nonce = 3;
    tx.gas_price = 100;
    tx.max_priority_fee = 2;
    tx.gas_limit = 21000;
    tx.to = Address{};
    tx.data = {1, 2, 3};
    tx.access_list = {{Address{}, {Hash256{}, Hash256{}}}};
    return tx;
}

TEST(Transaction, EveryChangedByteIsRefusedOrAnothersTransaction) {
    const SecretKey secret = secret_of(json::Value("0x" + std::string(64, '4')));
    const SignedTransaction good = sign(sample(), secret);
    const Bytes encoded = encode(good);
    const Address from = sender(good);
    for (std::size_t i = 0; i < encoded.size(); ++i) {
        for (const std::uint8_t flip : {std::uint8_t{0x01}, std::uint8_t{0x80}}) {
            Bytes changed = encoded;
            changed[i] ^= flip;
            try {
                const SignedTransaction read = decode_transaction(changed);
                EXPECT_EQ(encode(read), changed);
                EXPECT_NE(sender(read), from) << i;
            } catch (const Error&) {
            }
        }
        EXPECT_THROW(decode_transaction(ByteView(encoded).first(i)), Error);
    }
}

TEST(Transaction, RefusesWhatHasNoPlace) {
    const auto rule = [](auto edit) {
        Transaction tx = sample();
        edit(tx);
        return refusal([&] { signing_hash(tx); });
    };
    EXPECT_EQ(rule([](Transaction& tx) { tx.chain_id = 0; }), "/transaction/chainId: must be from 1 to 2^63−1");
    EXPECT_EQ(rule([](Transaction& tx) { tx.max_priority_fee = 101; }),
              "/transaction/maxPriorityFeePerGas: must not be above maxFeePerGas");
    EXPECT_EQ(rule([](Transaction& tx) { tx.type = Transaction::Type::access_list; }),
              "/transaction/maxPriorityFeePerGas: has a place in type 2 only");
    EXPECT_EQ(rule([](Transaction& tx) {
                  tx.type = Transaction::Type::legacy;
                  tx.max_priority_fee = 0;
              }),
              "/transaction/accessList: has no place in a legacy transaction");
    EXPECT_EQ(rule([](Transaction& tx) { tx.data.resize(max_transaction_bytes + 1); }),
              "/transaction/data: must have at most 262144 bytes");
    EXPECT_EQ(rule([](Transaction& tx) { tx.access_list[0].storage_keys.resize(max_access_entries); }),
              "/transaction/accessList: must have at most 4096 addresses and keys");
    EXPECT_EQ(refusal([] { decode_transaction(Bytes{3, 0xc0}); }),
              "/transaction/type: must be legacy, 1 (EIP-2930) or 2 (EIP-1559)");
    EXPECT_EQ(refusal([] { decode_transaction({}); }), "/transaction/type: must not be an empty transaction");
    EXPECT_EQ(refusal([] { decode_transaction(Bytes{2, 0xc0}); }),
              "/transaction/chainId: is missing at the end of an RLP list");
}

}  // namespace
}  // namespace concordat::ledger::evm
