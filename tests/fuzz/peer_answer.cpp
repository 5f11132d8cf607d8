// What another node answers over HTTP to one whose binding calls there: what became of a call, and why not.
#include <ledger/binding/peer.hpp>

#include "attempt.hpp"

using namespace concordat;
using namespace concordat::ledger;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view body = text_of(ByteView(data, size));
    attempt([&] {
        const binding::Shown shown = binding::read_shown(body);
        if (shown.status != binding::Shown::Status::settled && shown.sequence != 0) __builtin_trap();
    });
    attempt([&] {
        const Submission said = binding::submission_of(binding::read_problem(body));
        // Another node's word fills no slot by itself, and is no reason to believe that the call was taken.
        if (said.status == Submission::Status::accepted) __builtin_trap();
    });
    return 0;
}
