// Reading the objects of Ethereum's JSON-RPC. Members that nobody asks for are left alone, as nodes add their own.
#pragma once
#include <base/json.hpp>
#include <string>
#include <string_view>

#include "address.hpp"

namespace concordat::ledger::evm::rpc {

// Errors: Error(missing_field | bad_format | too_large) at "<path>/<name>". The value must outlive this.
class Members {
  public:
    Members(const json::Value& value, std::string_view path);
    bool has(std::string_view name) const;  // and it is not null
    const json::Value& any(std::string_view name) const;
    std::string_view string(std::string_view name) const;
    Bytes bytes(std::string_view name, std::size_t max) const;
    Bytes fixed(std::string_view name, std::size_t size) const;
    Hash256 hash(std::string_view name) const { return parse_hash_0x(string(name), at(name)); }
    Address address(std::string_view name) const { return Address::parse(string(name), at(name)); }
    U256 integer(std::string_view name) const { return parse_quantity(string(name), at(name)); }
    std::uint64_t u64(std::string_view name) const { return parse_quantity_u64(string(name), at(name)); }
    const json::Array& array(std::string_view name, std::size_t max) const;
    std::string at(std::string_view name) const { return path_ + "/" + std::string(name); }

  private:
    const json::Object* object_;
    std::string path_;
};

}  // namespace concordat::ledger::evm::rpc
