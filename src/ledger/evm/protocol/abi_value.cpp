#include "abi_value.hpp"

#include <base/json_text.hpp>

#include <algorithm>

#include "address.hpp"
#include "amount.hpp"

namespace concordat::ledger::evm::abi {
namespace {

using Kind = Type::Kind;

[[noreturn]] void refuse(std::string_view field, std::string rule) {
    throw Error(Code::bad_format, std::string(field), std::move(rule));
}

std::string below(std::string_view field, std::string_view name) {
    return std::string(field) + "/" + std::string(name);
}

std::string below(std::string_view field, std::size_t index) { return below(field, std::to_string(index)); }

const Type& part(const Type& type, std::size_t index) { return type.parts[type.kind == Kind::tuple ? index : 0]; }

std::string_view string_of(const json::Value& value, std::string_view field, std::string_view rule) {
    if (!value.is_string()) refuse(field, std::string(rule));
    return value.get_string();
}

std::string integer_text(const json::Value& value, std::string_view field) {
    if (value.is_int64()) return std::to_string(value.get_int64());
    if (value.is_uint64()) return std::to_string(value.get_uint64());
    return std::string(string_of(value, field, "must be an integer as a decimal string"));
}

// What a member of `type` may hold, as a bound on the magnitude: below 2^bits, for int one bit less.
Word unsigned_word(const Type& type, const json::Value& value, std::string_view field) {
    const U256 number = parse_u256(integer_text(value, field), field);
    if (type.size < 256 && (number >> type.size) != 0) refuse(field, "must fit " + type.text());
    return to_word(number);
}

bool fits_signed(const Word& word, std::size_t bits) {
    const std::size_t first = 32 - bits / 8;
    const std::uint8_t sign = word[first] & 0x80 ? 0xff : 0x00;
    return std::all_of(word.begin(), word.begin() + static_cast<std::ptrdiff_t>(first),
                       [sign](std::uint8_t byte) { return byte == sign; });
}

Word signed_word(const Type& type, const json::Value& value, std::string_view field) {
    const Word word = to_twos_complement(parse_i256(integer_text(value, field), field));
    if (!fits_signed(word, type.size)) refuse(field, "must fit " + type.text());
    return word;
}

Word left_aligned(const Type& type, const json::Value& value, std::string_view field) {
    const Bytes bytes = parse_0x(string_of(value, field, "must be 0x-hex"), field, 32);
    if (bytes.size() != type.size) refuse(field, "must have exactly " + std::to_string(type.size) + " bytes");
    Word out{};
    std::copy(bytes.begin(), bytes.end(), out.begin());
    return out;
}

Word address_word(const json::Value& value, std::string_view field) {
    const Address address = Address::parse(string_of(value, field, "must be an address"), field);
    Word out{};
    std::copy(address.bytes.begin(), address.bytes.end(), out.begin() + 12);
    return out;
}

Word word_of(const Type& type, const json::Value& value, std::string_view field) {
    switch (type.kind) {
        case Kind::uint_n:
            return unsigned_word(type, value, field);
        case Kind::int_n:
            return signed_word(type, value, field);
        case Kind::address:
            return address_word(value, field);
        case Kind::boolean:
            if (!value.is_bool()) refuse(field, "must be true or false");
            return to_word(U256(value.get_bool() ? 1 : 0));
        default:
            return left_aligned(type, value, field);
    }
}

bool is_word(const Type& type) { return type.kind < Kind::bytes; }

// The members of a tuple, array or list, in order.
std::vector<const json::Value*> members_of_object(const Type& tuple, const json::Object& object,
                                                  std::string_view field) {
    std::vector<const json::Value*> out;
    if (!tuple.is_named()) refuse(field, "must be an array: the tuple's members have no names of their own");
    for (const auto& name : tuple.names) {
        const auto* member = object.if_contains(name);
        if (member == nullptr) throw Error(Code::missing_field, below(field, name), "must be given");
        out.push_back(member);
    }
    if (object.size() == out.size()) return out;
    for (const auto& member : object) {
        if (std::find(tuple.names.begin(), tuple.names.end(), member.key()) == tuple.names.end())
            throw Error(Code::unknown_field, below(field, member.key()), "is not a member of " + tuple.text());
    }
    return out;
}

std::vector<const json::Value*> members_of(const Type& type, const json::Value& value, std::string_view field) {
    if (type.kind == Kind::tuple && value.is_object()) return members_of_object(type, value.get_object(), field);
    const auto* array = value.if_array();
    if (array == nullptr)
        refuse(field, type.kind == Kind::tuple ? "must be an object or an array" : "must be an array");
    const std::size_t expected = type.kind == Kind::tuple ? type.parts.size() : type.size;
    if (type.kind != Kind::list && array->size() != expected)
        refuse(field, "must have exactly " + std::to_string(expected) + " items");
    std::vector<const json::Value*> out;
    for (const auto& item : *array) out.push_back(&item);
    return out;
}

std::string member_path(const Type& type, const json::Value& value, std::string_view field, std::size_t index) {
    return value.is_object() ? below(field, type.names[index]) : below(field, index);
}

void append(Bytes& out, ByteView bytes) {
    if (out.size() + bytes.size() > max_encoded_bytes)
        throw Error(Code::too_large, "", "must encode to at most 1048576 bytes");
    out.insert(out.end(), bytes.begin(), bytes.end());
}

void pad(Bytes& out) { out.resize((out.size() + 31) / 32 * 32); }

Bytes string_bytes(const Type& type, const json::Value& value, std::string_view field) {
    if (type.kind == Kind::string) return to_bytes(bytes_of(string_of(value, field, "must be a string")));
    return parse_0x(string_of(value, field, "must be 0x-hex"), field, max_encoded_bytes);
}

Bytes encode_members(const Type& type, const json::Value& value, std::string_view field) {
    const auto members = members_of(type, value, field);
    std::size_t head_size = 0;
    for (std::size_t i = 0; i < members.size(); ++i) head_size += part(type, i).head;
    Bytes head, tail;
    for (std::size_t i = 0; i < members.size(); ++i) {
        const Type& member = part(type, i);
        const Bytes encoded = encode(member, *members[i], member_path(type, value, field, i));
        if (member.dynamic) append(head, to_word(U256(head_size + tail.size())));
        append(member.dynamic ? tail : head, encoded);
    }
    append(head, tail);
    return head;
}

class Decoder {
  public:
    explicit Decoder(ByteView in) : in_(in) {}

    // Decodes a value of `type` that starts at `position`, and gives where its bytes end.
    json::Value value(const Type& type, std::size_t position, std::size_t& end, const std::string& field) {
        if (is_word(type)) {
            end = position + 32;
            return word_value(type, word(position, field), field);
        }
        if (type.kind == Kind::bytes || type.kind == Kind::string) return string_value(type, position, end, field);
        if (type.kind == Kind::tuple) return members(type, type.parts.size(), position, end, field);
        if (type.kind == Kind::array) return members(type, type.size, position, end, field);
        const std::size_t count = length(position, field, type.parts[0].head);
        return members(type, count, position + 32, end, field);
    }

  private:
    Word word(std::size_t position, const std::string& field) const {
        if (position > in_.size() || in_.size() - position < 32) refuse(field, "ends inside an ABI word");
        Word out;
        std::copy_n(in_.begin() + static_cast<std::ptrdiff_t>(position), 32, out.begin());
        return out;
    }

    // A length whose items, of `item_bytes` at least, can still follow it.
    std::size_t length(std::size_t position, const std::string& field, std::size_t item_bytes) const {
        const U256 count = from_word(word(position, field));
        if (count > (in_.size() - position - 32) / item_bytes)
            refuse(field, "has a length beyond the end of the bytes");
        return static_cast<std::size_t>(count);
    }

    json::Value string_value(const Type& type, std::size_t position, std::size_t& end, const std::string& field) const {
        const std::size_t size = length(position, field, 1);
        const ByteView bytes = in_.subspan(position + 32, size);
        const std::size_t padded = (size + 31) / 32 * 32;
        end = position + 32 + padded;
        if (end > in_.size()) refuse(field, "ends inside its padding");
        const ByteView padding = in_.subspan(position + 32 + size, padded - size);
        if (std::any_of(padding.begin(), padding.end(), [](auto b) { return b != 0; }))
            refuse(field, "must be padded by zeros");
        if (type.kind == Kind::bytes) return json::Value(to_0x(bytes));
        if (json::to_valid_utf8(text_of(bytes)) != text_of(bytes)) refuse(field, "must be UTF-8");
        return json::Value(text_of(bytes));
    }

    json::Value word_value(const Type& type, const Word& in, const std::string& field) const {
        json::Value out = unchecked_word_value(type, in);
        if (word_of(type, out, field) != in) refuse(field, "must be a clean " + type.text());
        return out;
    }

    static json::Value unchecked_word_value(const Type& type, const Word& in) {
        switch (type.kind) {
            case Kind::uint_n: {
                const U256 number = from_word(in);
                return json::Value(decimal(type.size < 256 ? U256(number & ((U256(1) << type.size) - 1)) : number));
            }
            case Kind::int_n:
                return json::Value(decimal(from_twos_complement(fits_signed(in, type.size) ? in : Word{})));
            case Kind::address:
                return json::Value(Address::from(ByteView(in).subspan(12)).text());
            case Kind::boolean:
                return json::Value(in[31] == 1);
            default:
                return json::Value(to_0x(ByteView(in).first(type.size)));
        }
    }

    // `position` is the base that offsets count from; each tail must start where the one before it ended.
    json::Value members(const Type& type, std::size_t count, std::size_t position, std::size_t& end,
                        const std::string& field) {
        const bool named = type.kind == Kind::tuple && type.is_named();
        json::Array array;
        json::Object object;
        std::size_t head = position;
        std::size_t tail = position + head_bytes(type, count);
        for (std::size_t i = 0; i < count; ++i) {
            const Type& member = part(type, i);
            const std::string path = named ? below(field, type.names[i]) : below(field, i);
            json::Value decoded;
            if (member.dynamic) {
                if (from_word(word(head, path)) != tail - position)
                    refuse(path, "must have its offset point behind the value before it");
                decoded = value(member, tail, tail, path);
                head += 32;
            } else {
                decoded = value(member, head, head, path);
            }
            if (named)
                object.emplace(type.names[i], std::move(decoded));
            else
                array.push_back(std::move(decoded));
        }
        end = tail;
        return named ? json::Value(std::move(object)) : json::Value(std::move(array));
    }

    static std::size_t head_bytes(const Type& type, std::size_t count) {
        if (type.kind != Kind::tuple) return type.parts[0].head * count;
        std::size_t out = 0;
        for (const auto& member : type.parts) out += member.head;
        return out;
    }

    ByteView in_;
};

}  // namespace

Bytes encode(const Type& type, const json::Value& value, std::string_view field) try {
    if (is_word(type)) {
        const Word word = word_of(type, value, field);
        return {word.begin(), word.end()};
    }
    Bytes out;
    if (type.kind == Kind::bytes || type.kind == Kind::string) {
        const Bytes bytes = string_bytes(type, value, field);
        append(out, to_word(U256(bytes.size())));
        append(out, bytes);
        pad(out);
        return out;
    }
    const Bytes members = encode_members(type, value, field);
    if (type.kind == Kind::list) append(out, to_word(U256(value.get_array().size())));
    append(out, members);
    return out;
} catch (const Error& error) {
    if (!error.field().empty()) throw;
    throw Error(error.code(), std::string(field), error.rule());  // from append(), which does not know the field
}

json::Value decode(const Type& tuple, ByteView bytes, std::string_view field) {
    if (tuple.kind != Kind::tuple) panic("ABI bytes are decoded as a parameter list");
    if (bytes.size() > max_encoded_bytes)
        throw Error(Code::too_large, std::string(field), "must have at most 1048576 bytes");
    std::size_t end = 0;
    json::Value out = Decoder(bytes).value(tuple, 0, end, std::string(field));
    if (end != bytes.size()) refuse(field, "must have nothing after its last value");
    return out;
}

Bytes encode_for_topic(const Type& type, const json::Value& value, std::string_view field) {
    Bytes out;
    if (is_word(type)) {
        append(out, word_of(type, value, field));
        return out;
    }
    if (type.kind == Kind::bytes || type.kind == Kind::string) return string_bytes(type, value, field);
    const auto members = members_of(type, value, field);
    for (std::size_t i = 0; i < members.size(); ++i) {
        append(out, encode_for_topic(part(type, i), *members[i], member_path(type, value, field, i)));
        pad(out);
    }
    return out;
}

}  // namespace concordat::ledger::evm::abi
