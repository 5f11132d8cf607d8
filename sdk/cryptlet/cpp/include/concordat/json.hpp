// A small deterministic JSON value: null, bool, 64-bit integers, strings, arrays, objects; no fractions (use Decimal).
// Objects keep their members sorted by UTF-16 code units, so that dump() is canonical JSON (RFC 8785).
// Reading a member that is missing or has another type aborts with `missing_field` or `wrong_type` and its name.
#pragma once
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "abort.hpp"

namespace concordat::cryptlet {

class Value;
struct Member;
using Array = std::vector<Value>;

// Sorted members. What needs their type is defined below it.
class Object {
  public:
    Object();
    Object(std::initializer_list<Member> members);
    Object(const Object& other);
    Object(Object&& other) noexcept;
    Object& operator=(const Object& other);
    Object& operator=(Object&& other) noexcept;
    ~Object();

    const Value* find(std::string_view key) const;
    Value* find(std::string_view key);
    const Value& at(std::string_view key) const;  // aborts when it is missing
    Value& operator[](std::string_view key);      // inserts null when it is missing
    bool insert(std::string key, Value value);    // false, and nothing changes, when it is there already
    void reserve(std::size_t members);
    bool erase(std::string_view key);  // true when it was there
    bool contains(std::string_view key) const { return find(key) != nullptr; }
    std::size_t size() const;
    bool empty() const { return size() == 0; }
    const Member* begin() const;
    const Member* end() const;
    bool operator==(const Object& other) const;

  private:
    std::size_t lower_bound(std::string_view key) const;
    std::vector<Member> members_;
};

inline constexpr std::int64_t max_json_integer = (std::int64_t{1} << 53) - 1;

class Value {
  public:
    Value() {}
    Value(std::nullptr_t) {}
    Value(bool value) : kind_(Kind::boolean), boolean_(value) {}
    template <class Integer>
        requires(std::is_integral_v<Integer> && !std::is_same_v<Integer, bool>)
    Value(Integer value) : kind_(Kind::integer), integer_(static_cast<std::int64_t>(value)) {}
    Value(const char* text) : kind_(Kind::string), string_(text) {}
    Value(std::string_view text) : kind_(Kind::string), string_(text) {}
    Value(std::string text) : kind_(Kind::string), string_(std::move(text)) {}
    Value(Array array) : kind_(Kind::array), array_(std::move(array)) {}
    Value(Object object) : kind_(Kind::object), object_(std::move(object)) {}
    Value(const Value& other) { copy(other); }
    Value(Value&& other) noexcept { take(other); }
    Value& operator=(const Value& other) {
        if (this != &other) *this = Value(other);  // the other may lie inside this one
        return *this;
    }
    Value& operator=(Value&& other) noexcept {
        if (this == &other) return *this;
        Value old;  // goes last: the other may lie inside it
        old.take(*this);
        kind_ = Kind::null;
        take(other);
        return *this;
    }
    ~Value() {
        if (kind_ >= Kind::string) destroy();
    }

    static Value object(std::initializer_list<Member> members) { return Value(Object(members)); }
    static Value array(std::initializer_list<Value> items) { return Value(Array(items)); }

    bool is_null() const { return kind_ == Kind::null; }
    bool is_bool() const { return kind_ == Kind::boolean; }
    bool is_int() const { return kind_ == Kind::integer; }
    bool is_string() const { return kind_ == Kind::string; }
    bool is_array() const { return kind_ == Kind::array; }
    bool is_object() const { return kind_ == Kind::object; }

    // Each aborts with `wrong_type` unless the value has that type.
    bool as_bool() const {
        check(Kind::boolean, "a boolean");
        return boolean_;
    }
    std::int64_t as_int() const {
        check(Kind::integer, "an integer");
        return integer_;
    }
    const std::string& as_string() const {
        check(Kind::string, "a string");
        return string_;
    }
    const Array& as_array() const {
        check(Kind::array, "an array");
        return array_;
    }
    Array& as_array() { return const_cast<Array&>(std::as_const(*this).as_array()); }
    const Object& as_object() const {
        check(Kind::object, "an object");
        return object_;
    }
    Object& as_object() { return const_cast<Object&>(std::as_const(*this).as_object()); }

    // Members of an object. The constant form aborts with `missing_field`; the other inserts, and makes null an object.
    const Value& operator[](std::string_view key) const { return as_object().at(key); }
    Value& operator[](std::string_view key) {
        if (is_null()) *this = Value(Object());
        return as_object()[key];
    }
    const Value& operator[](const char* key) const { return (*this)[std::string_view(key)]; }
    Value& operator[](const char* key) { return (*this)[std::string_view(key)]; }
    const Value* find(std::string_view key) const { return as_object().find(key); }
    Value* find(std::string_view key) { return as_object().find(key); }
    bool contains(std::string_view key) const { return as_object().contains(key); }

    bool operator==(const Value& other) const {
        if (kind_ != other.kind_) return false;
        switch (kind_) {
            case Kind::null:
                return true;
            case Kind::boolean:
                return boolean_ == other.boolean_;
            case Kind::integer:
                return integer_ == other.integer_;
            case Kind::string:
                return string_ == other.string_;
            case Kind::array:
                return array_ == other.array_;
            case Kind::object:
                return object_ == other.object_;
        }
        return false;
    }

  private:
    // A tagged union by hand: std::variant's tables of function pointers cost a contract more than its own work.
    enum class Kind : std::uint8_t { null, boolean, integer, string, array, object };

    void check(Kind kind, const char* what) const {
        if (kind_ != kind) abort_with("wrong_type", std::string("a value is not ") + what);
    }
    // This is null before each of these two.
    void copy(const Value& other) {
        switch (other.kind_) {
            case Kind::null:
                break;
            case Kind::boolean:
                boolean_ = other.boolean_;
                break;
            case Kind::integer:
                integer_ = other.integer_;
                break;
            case Kind::string:
                std::construct_at(&string_, other.string_);
                break;
            case Kind::array:
                std::construct_at(&array_, other.array_);
                break;
            case Kind::object:
                std::construct_at(&object_, other.object_);
                break;
        }
        kind_ = other.kind_;
    }
    void take(Value& other) noexcept {
        switch (other.kind_) {
            case Kind::null:
                break;
            case Kind::boolean:
                boolean_ = other.boolean_;
                break;
            case Kind::integer:
                integer_ = other.integer_;
                break;
            case Kind::string:
                std::construct_at(&string_, std::move(other.string_));
                break;
            case Kind::array:
                std::construct_at(&array_, std::move(other.array_));
                break;
            case Kind::object:
                std::construct_at(&object_, std::move(other.object_));
                break;
        }
        kind_ = other.kind_;
        other.clear();
    }
    void clear() noexcept {
        if (kind_ >= Kind::string) destroy();
        kind_ = Kind::null;
    }
    void destroy() noexcept {
        if (kind_ == Kind::string) {
            std::destroy_at(&string_);
        } else if (kind_ == Kind::array) {
            std::destroy_at(&array_);
        } else {
            std::destroy_at(&object_);
        }
    }

    Kind kind_ = Kind::null;
    union {
        bool boolean_;
        std::int64_t integer_;
        std::string string_;
        Array array_;
        Object object_;
    };
};

struct Member {
    std::string key;
    Value value;
    bool operator==(const Member& other) const { return key == other.key && value == other.value; }
};

// RFC 8785 orders keys by UTF-16 code units. UTF-8 bytes give the same order but for one case: characters beyond
// U+FFFF (lead byte 0xF0 and up) are surrogates in UTF-16, so they come before U+E000–U+FFFF (lead bytes 0xEE, 0xEF).
inline bool key_less(std::string_view a, std::string_view b) {
    const std::size_t shared = a.size() < b.size() ? a.size() : b.size();
    for (std::size_t i = 0; i < shared; ++i) {
        const auto x = static_cast<unsigned char>(a[i]);
        const auto y = static_cast<unsigned char>(b[i]);
        if (x == y) continue;
        const auto rank = [](unsigned char c) {
            return c >= 0xee ? (c >= 0xf0 ? 0xee + (c - 0xf0) : 0xf8 + (c - 0xee)) : c;
        };
        return rank(x) < rank(y);
    }
    return a.size() < b.size();
}

inline Object::Object() = default;
inline Object::Object(const Object& other) = default;
inline Object::Object(Object&& other) noexcept = default;
inline Object& Object::operator=(const Object& other) = default;
inline Object& Object::operator=(Object&& other) noexcept = default;
inline Object::~Object() = default;
inline std::size_t Object::size() const { return members_.size(); }
inline const Member* Object::begin() const { return members_.data(); }
inline const Member* Object::end() const { return members_.data() + members_.size(); }

inline Object::Object(std::initializer_list<Member> members) {
    for (const Member& member : members) (*this)[member.key] = member.value;
}

inline std::size_t Object::lower_bound(std::string_view key) const {
    // Keys mostly arrive in order, from canonical JSON: then the place is the end.
    if (members_.empty() || key_less(members_.back().key, key)) return members_.size();
    std::size_t low = 0;
    std::size_t high = members_.size();
    while (low < high) {
        const std::size_t middle = (low + high) / 2;
        if (key_less(members_[middle].key, key)) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

inline const Value* Object::find(std::string_view key) const {
    const std::size_t place = lower_bound(key);
    return place < members_.size() && members_[place].key == key ? &members_[place].value : nullptr;
}

inline Value* Object::find(std::string_view key) { return const_cast<Value*>(std::as_const(*this).find(key)); }

inline const Value& Object::at(std::string_view key) const {
    const Value* value = find(key);
    if (value == nullptr) abort_with("missing_field", "missing: " + std::string(key));
    return *value;
}

inline bool Object::insert(std::string key, Value value) {
    const std::size_t place = lower_bound(key);
    if (place < members_.size() && members_[place].key == key) return false;
    if (place == members_.size()) {
        members_.push_back(Member{std::move(key), std::move(value)});
    } else {
        members_.insert(members_.begin() + static_cast<std::ptrdiff_t>(place),
                        Member{std::move(key), std::move(value)});
    }
    return true;
}

inline void Object::reserve(std::size_t members) { members_.reserve(members); }

inline Value& Object::operator[](std::string_view key) {
    const std::size_t place = lower_bound(key);
    if (place == members_.size() || members_[place].key != key) {
        members_.insert(members_.begin() + static_cast<std::ptrdiff_t>(place), Member{std::string(key), Value()});
    }
    return members_[place].value;
}

inline bool Object::erase(std::string_view key) {
    const std::size_t place = lower_bound(key);
    if (place == members_.size() || members_[place].key != key) return false;
    members_.erase(members_.begin() + static_cast<std::ptrdiff_t>(place));
    return true;
}

inline bool Object::operator==(const Object& other) const { return members_ == other.members_; }

}  // namespace concordat::cryptlet

#include "json_text.hpp"
