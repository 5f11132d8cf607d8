#include "cursor.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>
#include <base/error.hpp>

namespace concordat::ledger::evm {
namespace {

Cursor::Mark mark(std::uint64_t number) {
    Cursor::Mark out{.number = number, .hash = {}};
    out.hash.bytes[0] = static_cast<std::uint8_t>(number);
    return out;
}

TEST(EvmCursor, ItsTextIsTheSameAgain) {
    Cursor cursor(mark(3));
    cursor.advance(mark(4));
    cursor.advance(mark(1000));
    EXPECT_EQ(Cursor::parse(cursor.text()).marks(), cursor.marks());
    cursor.cut(1);
    EXPECT_EQ(cursor.last(), mark(3));
}

TEST(EvmCursor, RefusesWhatNoPageGave) {
    const std::string hash(64, 'a');
    EXPECT_NO_THROW(Cursor::parse("1:" + hash));
    for (const std::string& text :
         {std::string(), std::string("1"), std::string("1:aa"), "x:" + hash, "-1:" + hash, "1:" + hash + "aa",
          "2:" + hash + ",1:" + hash, "1:" + hash + ",1:" + hash, "1 :" + hash, ":" + hash,
          "18446744073709551616:" + hash, std::string(100'000, ',')}) {
        EXPECT_THROW(Cursor::parse(text), Error) << text;
    }
    std::string many = "0:" + hash;
    for (int i = 1; i <= 24; ++i) many += "," + std::to_string(i) + ":" + hash;
    EXPECT_THROW(Cursor::parse(many), Error);
}

RC_GTEST_PROP(EvmCursor, KeepsItsEndsAndMoreNearTheEnd, ()) {
    Cursor cursor(mark(5));
    std::uint64_t number = 5;
    const auto steps = *rc::gen::container<std::vector<int>>(200, rc::gen::inRange(1, 4));
    std::vector<std::uint64_t> told;
    for (const int step : steps) {
        number += static_cast<std::uint64_t>(step);
        cursor.advance(mark(number));
        told.push_back(number);
    }
    RC_ASSERT(cursor.marks().size() <= Cursor::max_marks);
    RC_ASSERT(cursor.marks().front() == mark(5));
    RC_ASSERT(cursor.last() == mark(number));
    // The last few are all there, so that a reorganisation of a block or two is told exactly.
    for (std::size_t i = 1; i <= 3; ++i) {
        RC_ASSERT(cursor.marks()[cursor.marks().size() - i] == mark(told[told.size() - i]));
    }
    // However deep it is, what is told again is at most a few times as much.
    for (std::size_t i = 1; i + 1 < cursor.marks().size(); ++i) {
        const std::uint64_t below = number - cursor.marks()[i - 1].number;
        const std::uint64_t above = number - cursor.marks()[i].number;
        RC_ASSERT(below <= 3 * above + 12);
    }
    RC_ASSERT(Cursor::parse(cursor.text()).marks() == cursor.marks());
}

}  // namespace
}  // namespace concordat::ledger::evm
