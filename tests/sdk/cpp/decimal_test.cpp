#include <gtest/gtest.h>
#include <openssl/bn.h>
#include <rapidcheck.h>

#include <concordat/decimal.hpp>
#include <memory>

namespace {

using concordat::cryptlet::Aborted;
using concordat::cryptlet::Decimal;
using concordat::cryptlet::Rounding;

constexpr Rounding all_roundings[] = {Rounding::up,      Rounding::down,      Rounding::ceiling,  Rounding::floor,
                                      Rounding::half_up, Rounding::half_down, Rounding::half_even};

std::string code_of(auto&& action) {
    try {
        action();
    } catch (const Aborted& aborted) {
        return aborted.code;
    }
    return "none";
}

Decimal d(std::string_view text) { return Decimal::parse(text); }

using Number = std::unique_ptr<BIGNUM, decltype(&BN_free)>;
Number number(const std::string& digits) {
    BIGNUM* out = nullptr;
    BN_dec2bn(&out, digits.c_str());
    return {out, BN_free};
}
std::string text_of(const Number& value) {
    char* text = BN_bn2dec(value.get());
    std::string out = text;
    OPENSSL_free(text);
    return out == "-0" ? "0" : out;
}

template <class T>
T any_in(T min, T end) {
    return *rc::gen::resize(rc::kNominalSize, rc::gen::inRange<T>(min, end));  // the whole range from the first case on
}

// A whole number of up to `most` blocks of nine digits; special blocks are frequent, as carries and the rare step of
// long division hide there.
std::string random_digits(int most) {
    static const std::vector<std::string> special = {"000000000", "999999999", "000000001", "500000000", "499999999"};
    std::string out;
    for (int i = any_in(1, most + 1); i > 0; --i) {
        const auto kind = any_in<std::size_t>(0, special.size() + 2);
        std::string block = std::to_string(1'000'000'000 + any_in(0, 1'000'000'000)).substr(1);
        out += kind < special.size() ? special[kind] : block;
    }
    out.erase(0, any_in<std::size_t>(0, 9));
    out.erase(0, std::min(out.find_first_not_of('0'), out.size() - 1));
    return out != "0" && any_in(0, 2) == 1 ? "-" + out : out;
}

TEST(Decimal, TextRoundTrips) {
    for (const char* text : {"0", "0.00", "1", "-1", "29.50", "0.000000001", "-0.10", "1000000000",
                             "999999999.999999999", "123456789012345678901234567890.12345678"}) {
        EXPECT_EQ(d(text).text(), text);
    }
    EXPECT_EQ(Decimal(2950, 2).text(), "29.50");
    EXPECT_EQ(Decimal(-5, 3).text(), "-0.005");
    EXPECT_EQ(Decimal(INT64_MIN).text(), "-9223372036854775808");
    EXPECT_EQ(Decimal().text(), "0");
}

TEST(Decimal, RefusesOtherTexts) {
    for (const char* text : {"", "-", "-0", "-0.00", "00", "01", ".5", "5.", "+1", "1e3", " 1", "1 ", "1,0", "--1",
                             "1.2.3", "0x1", "NaN"}) {
        EXPECT_EQ(code_of([&] { (void)d(text); }), "bad_decimal") << text;
    }
}

TEST(Decimal, ScalesFollowTheOperation) {
    EXPECT_EQ((d("1.5") + d("2.25")).text(), "3.75");
    EXPECT_EQ((d("1.50") - d("1.5")).text(), "0.00");
    EXPECT_EQ((d("-1.5") * d("2.00")).text(), "-3.000");
    EXPECT_EQ((d("-1") * d("0.0")).text(), "0.0") << "never -0";
    EXPECT_EQ((-d("0")).text(), "0");
    EXPECT_EQ(d("29.50").divide(Decimal(3), 4, Rounding::half_even).text(), "9.8333");
    EXPECT_EQ(d("1.0"), d("1.00"));
    EXPECT_LT(d("-2"), d("-1.5"));
    EXPECT_LT(d("-0.1"), d("0"));
}

TEST(Decimal, RoundsAsSaid) {
    struct Case {
        const char* value;
        const char* results[7];  // in the order of all_roundings
    };
    constexpr Case cases[] = {
        {"2.5", {"3", "2", "3", "2", "3", "2", "2"}},         {"3.5", {"4", "3", "4", "3", "4", "3", "4"}},
        {"-2.5", {"-3", "-2", "-2", "-3", "-3", "-2", "-2"}}, {"2.4", {"3", "2", "3", "2", "2", "2", "2"}},
        {"-2.6", {"-3", "-2", "-2", "-3", "-3", "-3", "-3"}}, {"0.2", {"1", "0", "1", "0", "0", "0", "0"}},
        {"-0.2", {"-1", "0", "0", "-1", "0", "0", "0"}},      {"7.0", {"7", "7", "7", "7", "7", "7", "7"}},
    };
    for (const Case& c : cases) {
        for (std::size_t i = 0; i < 7; ++i) EXPECT_EQ(d(c.value).rescale(0, all_roundings[i]).text(), c.results[i]);
    }
}

TEST(Decimal, BoundsAreErrors) {
    const std::string digits(126, '9');
    EXPECT_EQ(d(digits).text(), digits);
    EXPECT_EQ(code_of([&] { (void)d(digits + "9"); }), "decimal_overflow");
    EXPECT_EQ(code_of([&] { (void)(d(digits) + Decimal(1)); }), "decimal_overflow");
    EXPECT_EQ(code_of([&] { (void)(d(digits) * d(digits)); }), "decimal_overflow");
    EXPECT_EQ(code_of([&] { (void)d("0." + std::string(64, '1')); }), "decimal_overflow");
    EXPECT_EQ(code_of([&] { (void)d("1").divide(Decimal(3), 64, Rounding::up); }), "decimal_overflow");
    EXPECT_EQ(code_of([&] { (void)d(digits).rescale(1, Rounding::up); }), "decimal_overflow");
    EXPECT_EQ(code_of([&] { (void)d("1").divide(d("0.00"), 2, Rounding::up); }), "division_by_zero");
    EXPECT_EQ(d("1").divide(d(digits), 63, Rounding::up).text(), "0." + std::string(62, '0') + "1");
    EXPECT_EQ(d("0." + std::string(62, '0') + "1").divide(d("0." + std::string(62, '0') + "1"), 63, Rounding::up),
              Decimal(1));
}

TEST(Decimal, AgreesWithBuiltInIntegers) {
    EXPECT_TRUE(rc::check("sum, difference and product of 60-bit coefficients", [] {
        const auto a = any_in<std::int64_t>(-(1LL << 60), 1LL << 60);
        const auto b = any_in<std::int64_t>(-(1LL << 60), 1LL << 60);
        RC_ASSERT((Decimal(a, 4) + Decimal(b, 4)) == Decimal(a + b, 4));
        RC_ASSERT((Decimal(a, 4) - Decimal(b, 4)) == Decimal(a - b, 4));
        RC_ASSERT((Decimal(a) < Decimal(b)) == (a < b));
        const auto small = any_in<std::int64_t>(-7, 8);
        RC_ASSERT(Decimal(a, 2) * Decimal(small, 3) == Decimal(a * small, 5));
        if (b != 0) RC_ASSERT(Decimal(a).divide(Decimal(b), 0, Rounding::down) == Decimal(a / b));
    }));
}

void compare_with_big_integers(const std::string& a, const std::string& b) {
    const std::unique_ptr<BN_CTX, decltype(&BN_CTX_free)> context(BN_CTX_new(), BN_CTX_free);
    const Number x = number(a);
    const Number y = number(b);
    const Number out(BN_new(), BN_free);
    BN_add(out.get(), x.get(), y.get());
    RC_ASSERT((d(a) + d(b)).text() == text_of(out));
    BN_sub(out.get(), x.get(), y.get());
    RC_ASSERT((d(a) - d(b)).text() == text_of(out));
    BN_mul(out.get(), x.get(), y.get(), context.get());
    RC_ASSERT((d(a) * d(b)).text() == text_of(out));
    RC_ASSERT((d(a) <=> d(b)) == (BN_cmp(x.get(), y.get()) <=> 0));
    if (b == "0") return;
    BN_div(out.get(), nullptr, x.get(), y.get(), context.get());
    RC_ASSERT(d(a).divide(d(b), 0, Rounding::down).text() == text_of(out));
}

TEST(Decimal, AgreesWithBigIntegers) {
    EXPECT_TRUE(rc::check("whole numbers of 63 digits against OpenSSL's", [] {
        for (int i = 0; i < 50; ++i) compare_with_big_integers(random_digits(7), random_digits(7));
    }));
}

// q = a/b rounded: how far q·b may lie from a in each mode.
void check_division(const Decimal& a, const Decimal& b, unsigned scale) {
    const Decimal unit(1, scale);
    const Decimal down = a.divide(b, scale, Rounding::down);
    const Decimal up = a.divide(b, scale, Rounding::up);
    const Decimal floor = a.divide(b, scale, Rounding::floor);
    const Decimal ceiling = a.divide(b, scale, Rounding::ceiling);
    RC_ASSERT((down * b).abs() <= a.abs());
    RC_ASSERT(a.abs() < ((down.abs() + unit) * b).abs());
    RC_ASSERT((up == down || up.abs() == down.abs() + unit));
    RC_ASSERT(floor <= ceiling);
    RC_ASSERT(ceiling - floor <= unit);
    RC_ASSERT((a - down * b).is_zero() == (up == down));
    for (const Rounding mode : {Rounding::half_up, Rounding::half_down, Rounding::half_even}) {
        const Decimal q = a.divide(b, scale, mode);
        RC_ASSERT(((a - q * b) * Decimal(2)).abs() <= (unit * b).abs());
    }
    RC_ASSERT(Decimal::parse(down.text()).text() == down.text());
}

TEST(Decimal, DivisionIsWithinOneUnit) {
    EXPECT_TRUE(rc::check("every rounding", [] {
        for (int i = 0; i < 20; ++i) {
            const Decimal a = d(random_digits(5)) * Decimal(1, any_in(0U, 20U));
            const Decimal b = d(random_digits(3)) * Decimal(1, any_in(0U, 20U));
            if (!b.is_zero()) check_division(a, b, any_in(0U, 20U));
        }
    }));
}

}  // namespace
