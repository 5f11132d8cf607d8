// A signed message, observation or call, a decision, a termination, a resolution. What was read must be written and
// read back the same.
#include <contract/input.hpp>

namespace {
using namespace concordat;

void check_message(std::string_view text) {
    const auto input = contract::Input::parse(text);
    if (const auto* message = std::get_if<contract::Message>(&input.content)) {
        contract::write_message(*message);
    } else if (const auto* call = std::get_if<contract::CallInput>(&input.content)) {
        const std::string again = contract::write_call(*call);
        if (json::canonical(json::parse(text_of(input.jws.payload), "")) != again) std::abort();
    } else {
        contract::write_observation(std::get<contract::Observation>(input.content));
    }
}

void check_decision(ByteView bytes) {
    const std::string text = contract::write_decision(contract::Decision::parse(bytes));
    if (contract::write_decision(contract::Decision::parse(bytes_of(text))) != text) std::abort();
}

void check_termination(ByteView bytes) {
    const std::string text = contract::write_termination(contract::Termination::parse(bytes));
    if (contract::write_termination(contract::Termination::parse(bytes_of(text))) != text) std::abort();
}

void check_resolution(ByteView bytes) {
    const std::string text = contract::write_resolution(contract::Resolution::parse(bytes));
    if (contract::write_resolution(contract::Resolution::parse(bytes_of(text))) != text) std::abort();
}

template <class Body>
void refusing(Body&& body) {
    try {
        body();
    } catch (const Error&) {
    }
}
}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const ByteView bytes(data, size);
    refusing([&] { check_message(text_of(bytes)); });
    refusing([&] { check_decision(bytes); });
    refusing([&] { check_termination(bytes); });
    refusing([&] { check_resolution(bytes); });
    return 0;
}
