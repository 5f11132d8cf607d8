#include "peer.hpp"

namespace concordat::ledger::binding {

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
