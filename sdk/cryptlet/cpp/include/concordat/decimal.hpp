// Exact decimal numbers for money, quantities and prices: a whole coefficient of up to 126 digits and a scale, the
// number of digits after the point. Nothing rounds unless you say how: + - * are exact, divide() and rescale() take a
// scale and a Rounding. A result of more digits, or a scale above 63, aborts with `decimal_overflow`.
//   Decimal a = Decimal::parse("29.50");         text form -?(0|[1-9][0-9]*)(\.[0-9]+)?, never -0
//   (a * Decimal(1000)).text() == "29500.00"     scales: + and - take the larger one, * adds them
//   a.divide(Decimal(3), 4, Rounding::half_even).text() == "9.8333"
// Comparison is by value: 1.0 == 1.00.
#pragma once
#include <algorithm>
#include <array>
#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include "abort.hpp"

namespace concordat::cryptlet {

enum class Rounding {
    up,         // away from zero
    down,       // towards zero
    ceiling,    // towards +infinity
    floor,      // towards -infinity
    half_up,    // to the nearest, halves away from zero
    half_down,  // to the nearest, halves towards zero
    half_even,  // to the nearest, halves to the even neighbour
};

namespace detail {

// A natural number in limbs of nine decimal digits, least first. Room for the product of two coefficients and for a
// dividend scaled up; what is stored in a Decimal is checked to be shorter.
class Natural {
  public:
    static constexpr std::uint32_t base = 1'000'000'000;
    static constexpr std::size_t capacity = 32;

    Natural() {}
    Natural(const Natural& other) : size_(other.size_) { std::copy_n(other.limbs_.data(), size_, limbs_.data()); }
    Natural& operator=(const Natural& other) {
        size_ = other.size_;
        if (this != &other) std::copy_n(other.limbs_.data(), size_, limbs_.data());
        return *this;
    }
    explicit Natural(std::uint64_t value) {
        for (; value != 0; value /= base) limbs_[size_++] = static_cast<std::uint32_t>(value % base);
    }

    bool is_zero() const { return size_ == 0; }
    bool is_odd() const { return size_ != 0 && limbs_[0] % 2 != 0; }
    std::size_t size() const { return size_; }
    std::uint32_t limb(std::size_t i) const { return limbs_[i]; }

    std::strong_ordering operator<=>(const Natural& other) const {
        if (size_ != other.size_) return size_ <=> other.size_;
        for (std::size_t i = size_; i-- > 0;) {
            if (limbs_[i] != other.limbs_[i]) return limbs_[i] <=> other.limbs_[i];
        }
        return std::strong_ordering::equal;
    }
    bool operator==(const Natural& other) const { return (*this <=> other) == 0; }

    // this = this * factor + addend; factor at most base.
    void multiply_small(std::uint32_t factor, std::uint32_t addend = 0) {
        std::uint64_t carry = addend;
        for (std::size_t i = 0; i < size_; ++i) {
            carry += static_cast<std::uint64_t>(limbs_[i]) * factor;
            limbs_[i] = static_cast<std::uint32_t>(carry % base);
            carry /= base;
        }
        if (carry != 0) push(static_cast<std::uint32_t>(carry));
        trim();
    }
    // this = this / divisor; returns the remainder.
    std::uint32_t divide_small(std::uint32_t divisor) {
        std::uint64_t rest = 0;
        for (std::size_t i = size_; i-- > 0;) {
            rest = rest * base + limbs_[i];
            limbs_[i] = static_cast<std::uint32_t>(rest / divisor);
            rest %= divisor;
        }
        trim();
        return static_cast<std::uint32_t>(rest);
    }
    void multiply_power_of_ten(unsigned exponent) {
        for (; exponent >= 9; exponent -= 9) multiply_small(base);
        multiply_small(power_of_ten(exponent));
    }

    friend Natural operator+(const Natural& a, const Natural& b) {
        Natural sum;
        std::uint32_t carry = 0;
        for (std::size_t i = 0; i < a.size_ || i < b.size_ || carry != 0; ++i) {
            const std::uint32_t limb = a.at(i) + b.at(i) + carry;
            carry = limb >= base ? 1 : 0;
            sum.push(limb - carry * base);
        }
        return sum;
    }
    // a >= b
    friend Natural operator-(const Natural& a, const Natural& b) {
        Natural difference;
        std::uint32_t borrow = 0;
        for (std::size_t i = 0; i < a.size_; ++i) {
            const std::uint32_t take = b.at(i) + borrow;
            borrow = a.limbs_[i] < take ? 1 : 0;
            difference.push(a.limbs_[i] + borrow * base - take);
        }
        difference.trim();
        return difference;
    }
    friend Natural operator*(const Natural& a, const Natural& b) {
        Natural product;
        if (a.is_zero() || b.is_zero()) return product;
        product.resize(a.size_ + b.size_);
        for (std::size_t i = 0; i < a.size_; ++i) {
            std::uint64_t carry = 0;
            for (std::size_t j = 0; j < b.size_; ++j) {
                carry += product.limbs_[i + j] + static_cast<std::uint64_t>(a.limbs_[i]) * b.limbs_[j];
                product.limbs_[i + j] = static_cast<std::uint32_t>(carry % base);
                carry /= base;
            }
            product.limbs_[i + b.size_] = static_cast<std::uint32_t>(carry);
        }
        product.trim();
        return product;
    }

    // Long division (Knuth, The Art of Computer Programming, volume 2, 4.3.1, algorithm D). The divisor is not zero.
    static void divide(Natural dividend, Natural divisor, Natural& quotient, Natural& remainder) {
        quotient = Natural();
        if (dividend < divisor) {
            remainder = dividend;
            return;
        }
        if (divisor.size_ == 1) {
            const std::uint32_t rest = dividend.divide_small(divisor.limbs_[0]);
            quotient = dividend;
            remainder = Natural(rest);
            return;
        }
        // Scaled so that the divisor's first limb is at least half the base: then a guess is at most two too large.
        const std::uint32_t scale = base / (divisor.limbs_[divisor.size_ - 1] + 1);
        divisor.multiply_small(scale);
        const std::size_t before = dividend.size_;
        dividend.multiply_small(scale);
        if (dividend.size_ == before) dividend.push(0);
        quotient.resize(dividend.size_ - divisor.size_);
        for (std::size_t j = quotient.size_; j-- > 0;) quotient.limbs_[j] = divide_step(dividend, divisor, j);
        quotient.trim();
        dividend.trim();
        (void)dividend.divide_small(scale);
        remainder = dividend;
    }

    std::size_t digit_count() const {
        if (size_ == 0) return 0;
        std::size_t count = (size_ - 1) * 9;
        for (std::uint32_t top = limbs_[size_ - 1]; top != 0; top /= 10) ++count;
        return count;
    }

    static constexpr std::uint32_t power_of_ten(unsigned exponent) {
        std::uint32_t power = 1;
        for (; exponent > 0; --exponent) power *= 10;
        return power;
    }

  private:
    std::uint32_t at(std::size_t i) const { return i < size_ ? limbs_[i] : 0; }
    void push(std::uint32_t limb) {
        require(size_ < capacity, "decimal_overflow", "a decimal has too many digits");
        limbs_[size_++] = limb;
    }
    void resize(std::size_t size) {
        require(size <= capacity, "decimal_overflow", "a decimal has too many digits");
        while (size_ < size) limbs_[size_++] = 0;
    }
    void trim() {
        while (size_ > 0 && limbs_[size_ - 1] == 0) --size_;
    }

    // One limb of the quotient: guesses it from the first limbs, subtracts divisor × guess at limb j, mends the guess.
    static std::uint32_t divide_step(Natural& dividend, const Natural& divisor, std::size_t j) {
        const std::size_t n = divisor.size_;
        const std::uint64_t top =
            static_cast<std::uint64_t>(dividend.limbs_[j + n]) * base + dividend.limbs_[j + n - 1];
        std::uint64_t guess = top / divisor.limbs_[n - 1];
        std::uint64_t rest = top % divisor.limbs_[n - 1];
        while (guess >= base || guess * divisor.limbs_[n - 2] > rest * base + dividend.limbs_[j + n - 2]) {
            --guess;
            rest += divisor.limbs_[n - 1];
            if (rest >= base) break;
        }
        std::int64_t borrow = 0;
        for (std::size_t i = 0; i < n; ++i) {
            const std::uint64_t product = guess * divisor.limbs_[i];
            borrow += static_cast<std::int64_t>(dividend.limbs_[i + j]) - static_cast<std::int64_t>(product % base);
            dividend.limbs_[i + j] = floor_limb(borrow);
            borrow -= static_cast<std::int64_t>(product / base);
        }
        borrow += dividend.limbs_[j + n];
        dividend.limbs_[j + n] = floor_limb(borrow);
        if (borrow < 0) {
            --guess;
            std::uint32_t carry = 0;
            for (std::size_t i = 0; i <= n; ++i) {
                const std::uint32_t limb = dividend.limbs_[i + j] + divisor.at(i) + carry;
                carry = limb >= base ? 1 : 0;
                dividend.limbs_[i + j] = limb - carry * base;
            }
        }
        return static_cast<std::uint32_t>(guess);
    }
    // value mod base, and value = floor(value / base).
    static std::uint32_t floor_limb(std::int64_t& value) {
        std::int64_t quotient = value / base;
        std::int64_t limb = value % base;
        if (limb < 0) {
            limb += base;
            --quotient;
        }
        value = quotient;
        return static_cast<std::uint32_t>(limb);
    }

    std::array<std::uint32_t, capacity> limbs_;  // those from size_ on are never read: most numbers have one or two
    std::size_t size_ = 0;
};

}  // namespace detail

class Decimal {
  public:
    static constexpr std::size_t max_digits = 126;
    static constexpr unsigned max_scale = 63;

    Decimal() = default;
    Decimal(std::int64_t whole) : Decimal(whole, 0) {}
    // coefficient × 10^-scale: Decimal(2950, 2) is 29.50.
    Decimal(std::int64_t coefficient, unsigned scale)
        : Decimal(coefficient < 0,
                  detail::Natural(coefficient < 0 ? 0 - static_cast<std::uint64_t>(coefficient)
                                                  : static_cast<std::uint64_t>(coefficient)),
                  scale) {}

    // Aborts with `bad_decimal` on any other text than the canonical form; the scale is the number of digits given.
    static Decimal parse(std::string_view text) {
        const bool negative = text.starts_with('-');
        if (negative) text.remove_prefix(1);
        const std::size_t point = text.find('.');
        const std::string_view whole = text.substr(0, point);
        const std::string_view fraction = point == std::string_view::npos ? std::string_view() : text.substr(point + 1);
        const bool well_formed = !whole.empty() && (whole.size() == 1 || whole[0] != '0') &&
                                 (point == std::string_view::npos || !fraction.empty());
        require(well_formed, "bad_decimal", "a decimal is malformed");
        require(whole.size() <= max_digits && fraction.size() <= max_scale, "decimal_overflow",
                "a decimal has too many digits");
        detail::Natural coefficient;
        append_digits(coefficient, whole);
        append_digits(coefficient, fraction);
        require(!negative || !coefficient.is_zero(), "bad_decimal", "zero has no sign");
        return {negative, coefficient, static_cast<unsigned>(fraction.size())};
    }

    unsigned scale() const { return scale_; }
    bool is_zero() const { return coefficient_.is_zero(); }
    bool is_negative() const { return negative_; }
    int sign() const { return is_zero() ? 0 : negative_ ? -1 : 1; }
    Decimal abs() const { return {false, coefficient_, scale_}; }
    Decimal operator-() const { return {!negative_, coefficient_, scale_}; }

    friend Decimal operator+(const Decimal& a, const Decimal& b) {
        const unsigned scale = a.scale_ > b.scale_ ? a.scale_ : b.scale_;
        const detail::Natural x = a.coefficient_at(scale);
        const detail::Natural y = b.coefficient_at(scale);
        if (a.negative_ == b.negative_) return {a.negative_, x + y, scale};
        return x >= y ? Decimal(a.negative_, x - y, scale) : Decimal(b.negative_, y - x, scale);
    }
    friend Decimal operator-(const Decimal& a, const Decimal& b) { return a + (-b); }
    friend Decimal operator*(const Decimal& a, const Decimal& b) {
        return {a.negative_ != b.negative_, a.coefficient_ * b.coefficient_, a.scale_ + b.scale_};
    }
    Decimal& operator+=(const Decimal& other) { return *this = *this + other; }
    Decimal& operator-=(const Decimal& other) { return *this = *this - other; }
    Decimal& operator*=(const Decimal& other) { return *this = *this * other; }

    // this / divisor at the given scale; aborts with `division_by_zero`.
    Decimal divide(const Decimal& divisor, unsigned scale, Rounding rounding) const {
        require(!divisor.is_zero(), "division_by_zero", "a decimal was divided by zero");
        require(scale <= max_scale, "decimal_overflow", "a decimal's scale is too large");
        detail::Natural above = coefficient_;
        detail::Natural below = divisor.coefficient_;
        const int shift = static_cast<int>(scale) + static_cast<int>(divisor.scale_) - static_cast<int>(scale_);
        if (shift > 0) above.multiply_power_of_ten(static_cast<unsigned>(shift));
        if (shift < 0) below.multiply_power_of_ten(static_cast<unsigned>(-shift));
        return rounded(negative_ != divisor.negative_, above, below, scale, rounding);
    }
    // The same value at another scale; rounds when that has fewer digits.
    Decimal rescale(unsigned scale, Rounding rounding) const {
        require(scale <= max_scale, "decimal_overflow", "a decimal's scale is too large");
        if (scale >= scale_) return {negative_, coefficient_at(scale), scale};
        return divide(Decimal(1), scale, rounding);
    }

    friend std::strong_ordering operator<=>(const Decimal& a, const Decimal& b) {
        if (a.sign() != b.sign()) return a.sign() <=> b.sign();
        const unsigned scale = a.scale_ > b.scale_ ? a.scale_ : b.scale_;
        const auto order = a.coefficient_at(scale) <=> b.coefficient_at(scale);
        return a.negative_ ? 0 <=> order : order;
    }
    friend bool operator==(const Decimal& a, const Decimal& b) { return (a <=> b) == 0; }

    // Canonical, with exactly scale() digits after the point.
    std::string text() const {
        std::string digits;  // least first
        detail::Natural rest = coefficient_;
        while (!rest.is_zero()) {
            std::uint32_t nine = rest.divide_small(detail::Natural::base);
            for (int i = 0; i < 9; ++i, nine /= 10) digits += static_cast<char>('0' + nine % 10);
        }
        while (digits.size() > scale_ + 1 && digits.back() == '0') digits.pop_back();
        while (digits.size() < scale_ + 1) digits += '0';
        std::string out = negative_ ? "-" : "";
        for (std::size_t i = digits.size(); i-- > 0;) {
            out += digits[i];
            if (i == scale_ && i != 0) out += '.';
        }
        return out;
    }

  private:
    // Every result passes here: checks its size, and takes the sign from a zero.
    Decimal(bool negative, const detail::Natural& coefficient, unsigned scale)
        : coefficient_(coefficient), scale_(scale), negative_(negative && !coefficient.is_zero()) {
        require(scale <= max_scale && coefficient.digit_count() <= max_digits, "decimal_overflow",
                "a decimal has too many digits");
    }

    static void append_digits(detail::Natural& number, std::string_view digits) {
        while (!digits.empty()) {
            const std::size_t count = digits.size() < 9 ? digits.size() : 9;
            std::uint32_t chunk = 0;
            for (std::size_t i = 0; i < count; ++i) {
                require(digits[i] >= '0' && digits[i] <= '9', "bad_decimal", "a decimal is malformed");
                chunk = chunk * 10 + static_cast<std::uint32_t>(digits[i] - '0');
            }
            number.multiply_small(detail::Natural::power_of_ten(static_cast<unsigned>(count)), chunk);
            digits.remove_prefix(count);
        }
    }

    detail::Natural coefficient_at(unsigned scale) const {
        detail::Natural out = coefficient_;
        out.multiply_power_of_ten(scale - scale_);
        return out;
    }

    static Decimal rounded(bool negative, const detail::Natural& above, const detail::Natural& below, unsigned scale,
                           Rounding rounding) {
        detail::Natural quotient;
        detail::Natural rest;
        detail::Natural::divide(above, below, quotient, rest);
        if (!rest.is_zero() && rounds_away(negative, quotient, (rest + rest) <=> below, rounding)) {
            quotient = quotient + detail::Natural(1);
        }
        return {negative, quotient, scale};
    }

    // `half` compares what was cut off with one half; it is not zero.
    static bool rounds_away(bool negative, const detail::Natural& quotient, std::strong_ordering half,
                            Rounding rounding) {
        switch (rounding) {
            case Rounding::up:
                return true;
            case Rounding::down:
                return false;
            case Rounding::ceiling:
                return !negative;
            case Rounding::floor:
                return negative;
            case Rounding::half_up:
                return half >= 0;
            case Rounding::half_down:
                return half > 0;
            case Rounding::half_even:
                return half > 0 || (half == 0 && quotient.is_odd());
        }
        return false;
    }

    detail::Natural coefficient_;
    unsigned scale_ = 0;
    bool negative_ = false;
};

}  // namespace concordat::cryptlet
