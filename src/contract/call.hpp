// A call from one binding to another's action: what an effect on a ledger of the kind `binding` pins, and the signed
// input that it becomes where it is called (docs/sub-contracts.md, docs/formats.md §5).
#pragma once
#include <base/json.hpp>
#include <ledger/kind.hpp>
#include <string>
#include <vector>

namespace concordat::contract {

inline constexpr std::string_view call_typ = "concordat/call/1";
// Of the kind, in contracts: an effect on such a ledger calls another binding.
inline constexpr std::string_view binding_kind = "binding";
// Bindings that wait for one another, the outermost included: so deep may calls go.
inline constexpr std::size_t max_callers = 4;

// What is asked, the same for a call and for its cancellation.
struct SubCall {
    Hash256 binding;  // that is called
    std::string action;
    json::Object body;
    std::uint64_t fuel = 0;        // the most that it may use, with all that it calls in turn
    std::vector<Hash256> callers;  // the bindings that wait for it, the outermost first, each once
    ledger::Role role = ledger::Role::call;
    Hash256 step;  // the caller's

    json::Object to_json() const;
    static SubCall parse(const json::Value& value, const std::string& path);  // strict; throws naming the member
};

// The input. Its number follows the sender's last one without a gap, so that each is filled once, and none is skipped.
struct CallInput {
    std::int64_t number = 0;
    ledger::Purpose purpose{};
    SubCall call;
};

// As documents hold them: 1 to 4, each once. Throws naming the member.
std::vector<Hash256> read_callers(json::Reader& in, std::string_view name);
json::Array texts_of(const std::vector<Hash256>& ids);

std::string write_call(const CallInput& input);  // JCS

}  // namespace concordat::contract
