// Contract interfaces (Solidity "Contract ABI Specification"): functions, constructors, events and errors, from a JSON
// ABI or from text such as "transfer(address to, uint256 amount) returns (bool)". Values are JSON as abi_value.hpp
// says. Errors are Error(bad_format | missing_field | unknown_field | too_large | not_found) with a JSON Pointer.
#pragma once
#include <array>
#include <base/bytes.hpp>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "abi_value.hpp"

namespace concordat::ledger::evm::abi {

using Selector = std::array<std::uint8_t, 4>;  // first bytes of Keccak-256 of the signature

struct Function {
    std::string name;
    Type inputs = tuple_of({}, {}, "");
    Type outputs = tuple_of({}, {}, "");
    bool payable = false;   // may be sent wei
    bool constant = false;  // view or pure: is called, never submitted

    // "[function ]name(types[ names])[ external| public| payable| view| pure …][ returns (types)]"
    static Function parse(std::string_view text, std::string_view field);
    std::string signature() const { return name + inputs.text(); }
    Selector selector() const;
    Bytes encode_call(const json::Value& arguments, std::string_view field) const;  // selector and arguments
    json::Value decode_call(ByteView call_data, std::string_view field) const;      // refuses another selector
    json::Value decode_result(ByteView result, std::string_view field) const;
};

// One log, as receipts hold it; the emitting contract is the caller's to compare.
struct Event {
    std::string name;
    Type inputs = tuple_of({}, {}, "");  // all parameters, in order
    std::vector<bool> indexed;           // by parameter; at most 3, anonymous 4
    bool anonymous = false;

    std::string signature() const { return name + inputs.text(); }
    Hash256 topic() const;  // the first topic, unless anonymous
    // All parameters as one tuple's value. An indexed one that is not a value type is its topic, 0x-hex of 32 bytes:
    // the chain has only the hash. Refuses another first topic, another number of topics, other data.
    json::Value decode(std::span<const Hash256> topics, ByteView data, std::string_view field) const;
    // What to filter for, by parameter: null stands for any value. Topics after the last that is given are left out.
    std::vector<std::optional<Hash256>> filter(const json::Array& wanted, std::string_view field) const;
};

struct CustomError {
    std::string name;
    Type inputs = tuple_of({}, {}, "");
    std::string signature() const { return name + inputs.text(); }
    Selector selector() const;
};

// Why a call was reverted. `kind`: "none" (no data), "error" (Error(string), `text` is the reason), "panic"
// (Panic(uint256), `text` says what the code means), "custom" (`name` and `arguments`), "unknown" (`data` only).
struct Revert {
    std::string kind;
    std::string name;
    json::Value arguments;
    std::string text;
    Bytes data;
};

class Interface {
  public:
    Interface() = default;
    // The array that compilers write, at most 4096 items. Receive and fallback functions have nothing to encode.
    static Interface parse(const json::Value& abi, std::string_view field);

    // By signature, or by name when one function alone has it. Throws not_found, or bad_format when several do.
    const Function& function(std::string_view name_or_signature, std::string_view field) const;
    const Event& event(std::string_view name_or_signature, std::string_view field) const;
    const Event* event_of(const Hash256& first_topic) const;  // null when none; never an anonymous one
    // Of a contract's creation; one without parameters when the ABI has none. To the code that the compiler made.
    Bytes encode_creation(ByteView code, const json::Value& arguments, std::string_view field) const;
    const std::vector<Function>& functions() const { return functions_; }
    const std::vector<Event>& events() const { return events_; }
    const std::vector<CustomError>& errors() const { return errors_; }

  private:
    void add(const json::Object& item, const std::string& field);

    std::vector<Function> functions_;
    std::vector<Event> events_;
    std::vector<CustomError> errors_;
    std::optional<Function> constructor_;
};

// Never throws: data that does not decode is "unknown". `errors`: the custom ones that may be named.
Revert decode_revert(ByteView data, std::span<const CustomError> errors = {});

}  // namespace concordat::ledger::evm::abi
