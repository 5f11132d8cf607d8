#include "scaffold.hpp"

#include <re2/re2.h>

#include <base/error.hpp>
#include <base/file.hpp>

namespace concordat::registry {
namespace {

namespace fs = std::filesystem;

struct Template {
    const char* path;
    const char* text;
};

// An order between two parties: enough to show terms, a confidential field, a condition, an abort and an event.
constexpr Template templates[] = {
    {"contract.yaml", R"(apiVersion: concordat/v1
name: NAME
version: 0.1.0
description: A buyer accepts an offer; the seller delivers in parts until all is there
roles:
  buyer: {}
  seller: {}
terms: schemas/terms.json
state: schemas/state.json
actions:
  accept:
    from: [buyer]
    when: schemas/is-offered.json     # the state must satisfy it; names only the members it asks about
  deliver:
    from: [seller]
    message: schemas/deliver.json
    when: schemas/is-accepted.json
    result: schemas/delivered.json
logic:
  language: c++
  source: [logic.cpp]
)"},
    {"schemas/terms.json", R"({
  "type": "object",
  "properties": {
    "goods": { "type": "string", "minLength": 1, "maxLength": 200 },
    "quantity": { "type": "integer", "minimum": 1, "maximum": 1000000 },
    "price": {
      "type": "string", "format": "decimal", "x-scale": 2, "description": "of one piece",
      "x-confidential": ["buyer", "seller"]
    }
  },
  "required": ["goods", "quantity", "price"],
  "additionalProperties": false
}
)"},
    {"schemas/state.json", R"({
  "type": "object",
  "properties": {
    "status": { "enum": ["offered", "accepted", "delivered"] },
    "delivered": { "type": "integer", "minimum": 0 },
    "owed": {
      "type": "string", "format": "decimal", "x-scale": 2, "description": "for what was delivered so far",
      "x-confidential": ["buyer", "seller"]
    }
  },
  "required": ["status", "delivered", "owed"],
  "additionalProperties": false
}
)"},
    {"schemas/is-offered.json",
     "{ \"type\": \"object\", \"properties\": { \"status\": { \"const\": \"offered\" } }, \"required\": [\"status\"] "
     "}\n"},
    {"schemas/is-accepted.json",
     "{ \"type\": \"object\", \"properties\": { \"status\": { \"const\": \"accepted\" } }, \"required\": [\"status\"] "
     "}\n"},
    {"schemas/deliver.json", R"({
  "type": "object",
  "properties": { "pieces": { "type": "integer", "minimum": 1, "maximum": 1000000 } },
  "required": ["pieces"],
  "additionalProperties": false
}
)"},
    {"schemas/delivered.json", R"({
  "type": "object",
  "properties": { "missing": { "type": "integer", "minimum": 0 } },
  "required": ["missing"],
  "additionalProperties": false
}
)"},
    {"logic.cpp", R"(#include <concordat/contract.hpp>

using namespace concordat::cryptlet;

struct Order {
    // When the binding locks: the first state.
    void init(Context& context) {
        require(decimal_of(context.terms(), "price").sign() > 0, "bad_terms", "the price must be positive");
        context.state() = Value::object({{"status", "offered"}, {"delivered", 0}, {"owed", "0.00"}});
    }

    void accept(Context& context) { context.state()["status"] = "accepted"; }

    void deliver(Context& context) {
        Value& state = context.state();
        const std::int64_t ordered = int_of(context.terms(), "quantity");
        const std::int64_t delivered = int_of(state, "delivered") + int_of(context.message(), "pieces");
        require(delivered <= ordered, "too_many", "more than was ordered");
        const Decimal owed = Decimal(delivered) * decimal_of(context.terms(), "price");
        state["delivered"] = delivered;
        state["owed"] = owed.rescale(2, Rounding::half_even).text();
        if (delivered == ordered) {
            state["status"] = "delivered";
            context.emit_event("complete", Value(Object()));
        }
        context.result(Value::object({{"missing", ordered - delivered}}));
    }
};

CONCORDAT_CONTRACT(Order, CONCORDAT_ACTION("accept", accept), CONCORDAT_ACTION("deliver", deliver));
)"},
    {"tests/order.yaml", R"(description: accepted, then delivered in two parts
terms: { goods: bolts, quantity: 100, price: "0.25" }
initial: { state: { status: offered, delivered: 0 } }
steps:
  - { by: seller, action: deliver, message: { pieces: 1 }, refused: action_refused }
  - { by: seller, action: accept, refused: not_a_party }
  - { by: buyer, action: accept, expect: { state: { status: accepted } } }
  - by: seller
    action: deliver
    message: { pieces: 40 }
    expect: { state: { delivered: 40, owed: "10.00" }, result: { missing: 60 }, events: [] }
  - { by: seller, action: deliver, message: { pieces: 61 }, refused: too_many }
  - by: seller
    action: deliver
    message: { pieces: 60 }
    expect: { state: { status: delivered, owed: "25.00" }, result: { missing: 0 }, events: [ { type: complete } ] }
)"},
};

std::string filled(std::string text, const std::string& name) {
    const std::size_t at = text.find("NAME");
    return at == std::string::npos ? text : text.replace(at, 4, name);
}

}  // namespace

fs::path scaffold_package(const fs::path& parent, const std::string& name) {
    static const re2::RE2 rule("[a-z][a-z0-9-]{0,63}");
    if (!re2::RE2::FullMatch(name, rule)) {
        throw Error(Code::bad_format, "name",
                    "must begin with a small letter; small letters, digits and '-', at most 64");
    }
    const fs::path folder = parent / name;
    std::error_code failed;
    fs::create_directories(parent, failed);
    if (!fs::create_directory(folder, failed)) {
        if (failed) throw Error(Code::disk, folder.string(), "cannot be made: " + failed.message());
        throw Error(Code::conflict, folder.string(), "is there already");
    }
    for (const Template& one : templates) {
        fs::create_directories((folder / one.path).parent_path());
        write_file_atomic(folder / one.path, bytes_of(filled(one.text, name)));
    }
    return folder;
}

}  // namespace concordat::registry
