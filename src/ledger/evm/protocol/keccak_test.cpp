#include "keccak.hpp"

#include "vectors_test.hpp"

namespace concordat::ledger::evm {
namespace {

TEST(Keccak, KnownAnswers) {
    EXPECT_EQ(keccak256("").hex(), "c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470");
    EXPECT_EQ(keccak256("abc").hex(), "4e03657aea45a94fc7d47ba826c8d667c0d1e6e33a64a036ec44f58fa12d6c45");
}

TEST(Keccak, PublicVectors) {
    const json::Value vectors = read_vectors("keccak.json");
    ASSERT_GT(vectors.as_array().size(), 30u);
    for (const auto& v : vectors.as_array())
        EXPECT_EQ(to_0x(keccak256(hex_of(v.at("data"))).view()), std::string_view(v.at("keccak256").as_string()));
}

// The rate is 136 bytes: every length around one and two blocks, whole and in parts.
TEST(Keccak, PartsAreTheirConcatenation) {
    const Bytes data(300, 0x5a);
    for (std::size_t size = 0; size <= data.size(); ++size) {
        const ByteView whole = ByteView(data).first(size);
        EXPECT_EQ(keccak256({whole.first(size / 3), whole.subspan(size / 3)}), keccak256(whole)) << size;
    }
    EXPECT_NE(keccak256(ByteView(data).first(135)), keccak256(ByteView(data).first(136)));
}

}  // namespace
}  // namespace concordat::ledger::evm
