#include "call.hpp"

#include <algorithm>

#include "names.hpp"

namespace concordat::contract {

std::vector<Hash256> read_callers(json::Reader& in, std::string_view name) {
    std::vector<Hash256> out;
    for (const json::Value& item : in.array(name, max_callers)) {
        if (!item.is_string()) in.fail(name, "must hold the ids of bindings");
        const Hash256 id = Hash256::parse(item.get_string(), in.at(name));
        if (std::ranges::find(out, id) != out.end()) in.fail(name, "must hold each binding once");
        out.push_back(id);
    }
    if (out.empty()) in.fail(name, "must hold the binding that calls");
    return out;
}

json::Array texts_of(const std::vector<Hash256>& ids) {
    json::Array out;
    for (const Hash256& id : ids) out.emplace_back(id.text());
    return out;
}

json::Object SubCall::to_json() const {
    return {{"binding", binding.text()},
            {"action", action},
            {"body", body},
            {"fuel", std::to_string(fuel)},
            {"callers", texts_of(callers)},
            {"role", ledger::role_name(role)},
            {"step", step.text()}};
}

SubCall SubCall::parse(const json::Value& value, const std::string& path) {
    json::Reader in(value, path);
    SubCall call;
    call.binding = in.hash("binding");
    call.action = in.string("action", max_name_bytes);
    check_name(call.action, in.at("action"));
    call.body = in.object("body");
    call.fuel = ledger::read_number(in, "fuel");
    call.callers = read_callers(in, "callers");
    call.role = ledger::role_from_name(in.string("role", 16), in.at("role"));
    call.step = in.hash("step");
    in.finish();
    return call;
}

std::string write_call(const CallInput& input) {
    return json::canonical(json::Object{{"typ", call_typ},
                                        {"number", input.number},
                                        {"purpose", ledger::purpose_name(input.purpose)},
                                        {"call", input.call.to_json()}});
}

}  // namespace concordat::contract
