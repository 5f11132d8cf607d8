#include "clock.hpp"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include "error.hpp"
#include "id.hpp"

namespace concordat {
namespace {

TEST(Time, HasOneText) {
    EXPECT_EQ(format_time(0), "1970-01-01T00:00:00.000Z");
    EXPECT_EQ(format_time(-1), "1969-12-31T23:59:59.999Z");
    EXPECT_EQ(format_time(1'769'851'800'000), "2026-01-31T09:30:00.000Z");
    EXPECT_EQ(parse_time("2026-01-31T09:30:00.000Z", "t"), 1'769'851'800'000);
    EXPECT_EQ(parse_time("2024-02-29T23:59:59.999Z", "t") + 1, parse_time("2024-03-01T00:00:00.000Z", "t"));
    EXPECT_EQ(format_time(parse_time("0000-01-01T00:00:00.000Z", "t")), "0000-01-01T00:00:00.000Z");
    EXPECT_EQ(format_time(parse_time("9999-12-31T23:59:59.999Z", "t")), "9999-12-31T23:59:59.999Z");
    EXPECT_THROW((void)format_time(parse_time("9999-12-31T23:59:59.999Z", "t") + 1), Error);
    EXPECT_THROW((void)format_time(parse_time("0000-01-01T00:00:00.000Z", "t") - 1), Error);
}

TEST(Time, GoesThereAndBack) {
    EXPECT_TRUE(rc::check([] {
        const TimeMs time = *rc::gen::inRange<TimeMs>(-62'167'219'200'000, 253'402'300'800'000);
        RC_ASSERT(parse_time(format_time(time), "t") == time);
    }));
}

TEST(Time, RefusesOtherTextsAndUnrealDates) {
    for (const char* text :
         {"", "2026-01-31", "2026-01-31T09:30:00Z", "2026-01-31T09:30:00.000", "2026-01-31 09:30:00.000Z",
          "2026-01-31T09:30:00.000z", "2026-01-31T09:30:00.000+00:00", "2026-02-29T00:00:00.000Z",
          "2026-13-01T00:00:00.000Z", "2026-00-01T00:00:00.000Z", "2026-01-00T00:00:00.000Z",
          "2026-01-32T00:00:00.000Z", "2026-01-31T24:00:00.000Z", "2026-01-31T09:60:00.000Z",
          "2026-01-31T09:30:60.000Z", "+026-01-31T09:30:00.000Z", "2026-01-31T09:30:00.0000Z"}) {
        try {
            (void)parse_time(text, "/time");
            ADD_FAILURE() << text;
        } catch (const Error& error) {
            EXPECT_EQ(error.code(), Code::bad_format);
            EXPECT_EQ(error.field(), "/time");
        }
    }
}

TEST(Clock, ManualMovesOnlyWhenTold) {
    ManualClock clock(5);
    EXPECT_EQ(clock.now(), 5);
    clock.advance(10);
    EXPECT_EQ(clock.now(), 15);
    EXPECT_GT(SystemClock().now(), parse_time("2020-01-01T00:00:00.000Z", "t"));
    const auto before = monotonic_ns();
    EXPECT_LE(before, monotonic_ns());
}

TEST(Uuid7, HasItsTimeVersionAndVariant) {
    SystemRandom random;
    const std::string id = make_uuid7(random, 0x017f22e279b0);  // the time of RFC 9562's example
    EXPECT_EQ(id.substr(0, 15), "017f22e2-79b0-7");
    EXPECT_EQ(id.size(), 36u);
    EXPECT_NE(std::string_view("89ab").find(id[19]), std::string_view::npos);
    EXPECT_NE(make_uuid7(random, 1), make_uuid7(random, 1));
    EXPECT_LT(make_uuid7(random, 1), make_uuid7(random, 2));
}

}  // namespace
}  // namespace concordat
