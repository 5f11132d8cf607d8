#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <rapidcheck.h>
#include <base/bytes.hpp>
#include <base/clock.hpp>

#include <chrono>
#include <concordat/date.hpp>
#include <concordat/random.hpp>

namespace {

using concordat::cryptlet::Aborted;
using concordat::cryptlet::Date;
using concordat::cryptlet::days_between;
using concordat::cryptlet::Random;
using concordat::cryptlet::Time;

TEST(Date, AgreesWithTheLibraryOnEveryDay) {
    std::int64_t day = Date(1, 1, 1).days();
    for (auto expected = std::chrono::sys_days(std::chrono::year(1) / 1 / 1);
         expected <= std::chrono::sys_days(std::chrono::year(9999) / 12 / 31);
         expected += std::chrono::days(1), ++day) {
        const std::chrono::year_month_day civil(expected);
        const Date date = Date::from_days(day);
        ASSERT_EQ(expected.time_since_epoch().count(), day);
        ASSERT_EQ(date.year(), static_cast<int>(civil.year()));
        ASSERT_EQ(static_cast<unsigned>(date.month()), static_cast<unsigned>(civil.month()));
        ASSERT_EQ(static_cast<unsigned>(date.day()), static_cast<unsigned>(civil.day()));
        ASSERT_EQ(date.days(), day);
        ASSERT_EQ(static_cast<unsigned>(date.weekday()), std::chrono::weekday(expected).iso_encoding());
    }
}

TEST(Date, CountsAndSteps) {
    EXPECT_EQ(days_between(Date(2024, 2, 28), Date(2024, 3, 1)), 2);
    EXPECT_EQ(days_between(Date(2023, 3, 1), Date(2023, 2, 28)), -1);
    EXPECT_EQ(Date(2024, 1, 31).plus_months(1).text(), "2024-02-29");
    EXPECT_EQ(Date(2024, 3, 31).plus_months(-13).text(), "2023-02-28");
    EXPECT_EQ(Date(2023, 12, 31).plus_days(1).text(), "2024-01-01");
    EXPECT_EQ(Date::parse("2010-03-01"), Date(2010, 3, 1));
    EXPECT_LT(Date(2010, 2, 28), Date(2010, 3, 1));
}

TEST(Date, RefusesWhatIsNoDate) {
    for (const char* text : {"", "2023-02-29", "2023-13-01", "2023-00-01", "2023-01-00", "2023-1-1", "0000-01-01",
                             "2023/01/01", "2023-01-01 ", "20a3-01-01"}) {
        EXPECT_THROW((void)Date::parse(text), Aborted) << text;
    }
    EXPECT_THROW((void)Date(9999, 12, 31).plus_days(1), Aborted);
    EXPECT_THROW((void)Date(1, 1, 1).plus_months(-1), Aborted);
}

TEST(Time, AgreesWithThePlatform) {
    EXPECT_TRUE(rc::check("text of any instant from year 1 to 9999", [] {
        const auto ms = *rc::gen::inRange<std::int64_t>(-62'135'596'800'000, 253'402'300'799'999);
        RC_ASSERT(Time::parse(Time(ms).text()).milliseconds() == ms);
        if (ms >= 0) RC_ASSERT(Time(ms).text() == concordat::format_time(ms));
    }));
    EXPECT_EQ(Time::parse("2010-03-03T21:00:00.000Z").date().text(), "2010-03-03");
    EXPECT_EQ(Time(-1).text(), "1969-12-31T23:59:59.999Z");
}

TEST(Time, RefusesOtherForms) {
    for (const char* text : {"2010-03-03T21:00:00Z", "2010-03-03T24:00:00.000Z", "2010-03-03 21:00:00.000Z",
                             "2010-03-03T21:60:00.000Z", "2010-03-03T21:00:60.000Z", "2010-03-03T21:00:00.000+00:00"}) {
        EXPECT_THROW((void)Time::parse(text), Aborted) << text;
    }
}

TEST(Random, IsChaCha20) {
    const std::string seed = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
    const concordat::Bytes key = *concordat::from_hex(seed);
    const std::array<unsigned char, 16> counter_and_nonce{};
    const std::array<unsigned char, 256> zeros{};
    std::array<unsigned char, 256> stream{};
    EVP_CIPHER_CTX* context = EVP_CIPHER_CTX_new();
    int length = 0;
    ASSERT_EQ(EVP_EncryptInit_ex(context, EVP_chacha20(), nullptr, key.data(), counter_and_nonce.data()), 1);
    ASSERT_EQ(EVP_EncryptUpdate(context, stream.data(), &length, zeros.data(), 256), 1);
    EVP_CIPHER_CTX_free(context);
    Random random(seed);
    for (std::size_t i = 0; i < 64; ++i) {
        std::uint32_t expected = 0;
        for (std::size_t byte = 4; byte-- > 0;) expected = expected << 8 | stream[i * 4 + byte];
        ASSERT_EQ(random.next32(), expected) << i;
    }
}

TEST(Random, BelowIsBoundedAndEven) {
    Random random(std::string(64, 'a'));
    std::array<int, 6> counts{};
    for (int i = 0; i < 6000; ++i) ++counts[random.below(6)];
    for (const int count : counts) EXPECT_NEAR(count, 1000, 150);
    EXPECT_EQ(random.below(1), 0U);
    for (int i = 0; i < 100; ++i) EXPECT_LT(random.below((1ULL << 63) + 1), (1ULL << 63) + 1);
    EXPECT_THROW((void)random.below(0), Aborted);
    EXPECT_THROW((void)Random("short"), Aborted);
    EXPECT_THROW((void)Random(std::string(64, 'G')), Aborted);
}

}  // namespace
