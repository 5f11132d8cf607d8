// Types of the Solidity contract ABI (specification "Contract ABI Specification", version 2 of the encoder): from a
// JSON ABI's parameters and from text such as "(address to,uint256[2] amounts)[]". fixed/ufixed are refused: no
// compiler has them; so are empty tuples and arrays of length 0, which none makes either.
#pragma once
#include <base/json.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace concordat::ledger::evm::abi {

inline constexpr std::size_t max_type_depth = 12;
inline constexpr std::size_t max_members = 256;         // of a tuple, of a parameter list
inline constexpr std::size_t max_head_bytes = 1 << 16;  // of a type's static part: bounds fixed arrays

struct Type {
    enum class Kind : std::uint8_t {
        uint_n,
        int_n,
        address,
        boolean,
        bytes_n,
        function,
        bytes,
        string,
        array,
        list,
        tuple
    };
    Kind kind = Kind::uint_n;
    std::size_t size = 0;            // uint_n, int_n: bits; bytes_n: bytes; array: length
    std::vector<Type> parts;         // array, list: the element; tuple: the members
    std::vector<std::string> names;  // tuple: one for each member, "" where it has none
    bool dynamic = false;
    std::size_t head = 32;  // bytes in the static part that it stands in

    std::string text() const;  // canonical, as it enters selectors: "(address,uint256[2])[]"
    // tuple: whether its values are JSON objects: every member has a name of its own. Arrays otherwise.
    bool is_named() const;
    bool operator==(const Type&) const = default;
};

Type tuple_of(std::vector<Type> members, std::vector<std::string> names, std::string_view field);
// Throw Error(bad_format | too_large) naming `field`.
Type parse_type(std::string_view text, std::string_view field);
// A parameter list as one tuple (which may be empty): "(address to, uint256)" or the "inputs" of a JSON ABI.
Type parse_parameters(std::string_view text, std::string_view field);
Type parameters_from_json(const json::Array& parameters, std::string_view field);
bool is_identifier(std::string_view text);  // Solidity's: letters, digits, _ and $, not first a digit; at most 256

}  // namespace concordat::ledger::evm::abi
