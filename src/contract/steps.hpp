// The steps of a transaction, as its prepare entry has them, and the calls that entries pin (docs/formats.md §6).
#pragma once
#include <ledger/kind.hpp>
#include <optional>

#include "call.hpp"
#include "package.hpp"

namespace concordat::contract {

struct LedgerPlace;

inline constexpr std::size_t max_steps = 16;

ledger::Role role_from_name(std::string_view name, const std::string& field);  // throws Error(bad_format)

// Why a transaction uses one of a ledger's candidates, and none of the others.
enum class RouteReason : std::uint8_t {
    // of the one that is used
    only,          // no other can be used now
    cheapest,      // of those that can
    least_loaded,  // of the cheapest
    first,         // of those, in the document
    // of one that cannot be used now
    not_configured,  // the node does not reach it
    other_genesis,   // what the node reaches has another first block
    silent,          // it does not answer
    failing,         // it rests: it did not answer, or what was begun there did not get on, several times
    unfunded,        // the account there cannot pay for a call
    too_dear,        // the price is above the ceiling
    overloaded,      // as many transactions are open there as may be
    // of one that could be used
    dearer,
    more_loaded,
    later
};
std::string_view route_reason_name(RouteReason reason);

// The choice among a ledger's candidates. That it is one of them anybody can check; the reasons are the host's word.
struct Route {
    std::string chain;  // empty where none can be used: then there is no transaction
    RouteReason reason = RouteReason::only;
    struct Passed {
        std::string chain;
        RouteReason reason{};
        bool operator==(const Passed&) const = default;
    };
    std::vector<Passed> passed;  // all others, in the document's order

    json::Object to_json() const;
    // Strict; throws naming the member under `path`.
    static Route parse(const json::Value& value, const std::string& path);
    bool operator==(const Route&) const = default;
};

// Throws Error(bad_format) unless there is a route exactly where the ledger has candidates: to one of them, past all
// others in their order, for the reason that follows from the others'.
void check_route(const LedgerPlace& place, const std::optional<Route>& route, const std::string& field);

// One effect of the transaction. It says itself what the others and what comes after need to know, so that nobody has
// to have the package to go on with it.
struct Step {
    std::string effect, ledger;  // as the contract names them
    EffectKind kind = EffectKind::pivot;
    json::Object arguments;
    // Of the calls that make it hold and that take it back; nothing where it needs none.
    std::optional<json::Object> commit{}, undo{};
    std::vector<std::uint8_t> after{};  // steps that come first; ascending
    std::optional<Route> route{};       // where its ledger has candidates; the same for all steps on that ledger
    // Where it calls another binding: those that wait for it, the outermost first, this one last.
    std::vector<Hash256> callers{};

    json::Object to_json() const;  // without the pin
    std::string text() const;      // JCS of that
    std::string_view chain() const { return route ? std::string_view(route->chain) : std::string_view(); }
    const json::Object& arguments_of(ledger::Role role) const;
};

// What the logic asks for, `[{"effect","args","commit"?,"undo"?}…]` of contract::Output, as steps. Throws
// Error(undeclared_effect | missing_field | unknown_field | bad_package) naming the member below /output/effects, or
// what of the contract no step can be made of. `callers`: of the steps that call other bindings.
std::vector<Step> plan_steps(const Contract& contract, const json::Array& effects, ledger::Kinds kinds,
                             const std::vector<Hash256>& callers);

// A call that an entry pins: `effects` of prepare (role call) and of step.
struct PinnedCall {
    std::uint8_t step = 0;
    ledger::Role role = ledger::Role::call;
    ledger::Pin pin;
    json::Object to_json() const;
};

// The prepare entry's effects. `pins` takes those that are pinned there. Throws Error naming the member below `field`.
// As with every copy of a JSON value that is constructed, what is taken of them lies in the same memory resource.
std::vector<Step> parse_steps(const json::Array& effects, const std::string& field, std::vector<PinnedCall>& pins);
// A step entry's.
std::vector<PinnedCall> parse_pinned(const json::Array& effects, const std::string& field);

// All that a call is made of but its arguments.
ledger::Target target_of(const Contract& contract, const Effect& effect, const std::string& address, std::uint64_t work,
                         ledger::Role role, const Hash256& step, const std::vector<Hash256>& callers);

// The name of a step, the same for all of its calls: SHA-256 over the layout of docs/formats.md §2. `sequence` is the
// prepare entry's.
Hash256 step_id(const Hash256& binding, std::int64_t sequence, std::uint8_t step);

}  // namespace concordat::contract
