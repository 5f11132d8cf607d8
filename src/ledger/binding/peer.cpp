#include "peer.hpp"

#include <base/json.hpp>

namespace concordat::ledger::binding {

Shown read_shown(std::string_view body) {
    const json::Value value = json::parse(body, "call", {.bytes = max_peer_answer_bytes});
    json::Reader in(value, "call");
    const std::string_view status = in.string("status", 16);
    Shown shown;
    if (status == "settled") {
        shown.status = Shown::Status::settled;
        shown.sequence = static_cast<std::uint64_t>(in.integer("receipt"));
    } else if (status == "pending") {
        shown.status = Shown::Status::pending;
    } else if (status != "open") {
        in.fail("status", "must be open, pending or settled");
    }
    return shown;
}

Error read_problem(std::string_view body) {
    const json::Value value = json::parse(body, "problem", {.bytes = max_peer_answer_bytes});
    const json::Object* problem = value.if_object();
    const auto text = [&](std::string_view name) {
        const json::Value* member = problem == nullptr ? nullptr : problem->if_contains(name);
        return member != nullptr && member->is_string() ? std::string(member->get_string()) : std::string();
    };
    return {code_from_name(text("code")), text("field"), text("rule")};
}

Submission submission_of(const Error& refusal) {
    using Status = Submission::Status;
    const std::string detail = std::string(code_name(refusal.code())) + ": " + refusal.field() + ": " + refusal.rule();
    const auto answer = [&](Status status) {
        return Submission{.status = status, .detail = detail, .transaction = {}};
    };
    switch (refusal.code()) {
        case Code::replayed:
        case Code::out_of_order:
            return answer(Status::filled);
        case Code::not_a_party:
        case Code::bad_signature:
        case Code::bad_format:
        case Code::missing_field:
        case Code::unknown_field:
        case Code::not_found:
        case Code::too_large:
            return answer(Status::rejected);
        default:
            return answer(Status::unknown);  // it may be done another time, or have been done already
    }
}

}  // namespace concordat::ledger::binding
