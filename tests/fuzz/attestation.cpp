// Evidence and policies as strangers show them, and bytes where an attested channel's should come: to a ledger that
// waits for an enclave, and to an enclave that waits for a ledger. Nothing of it becomes a channel.
#include <attest/channel.hpp>
#include <attest/development.hpp>
#include <base/error.hpp>

#include "../support/fixture.hpp"

namespace {
using namespace concordat;

template <class Body>
void refusing(Body&& body) {
    try {
        body();
    } catch (const Error&) {
    }
}

void channel(attest::Side side, ByteView bytes) {
    static ManualClock clock{test::start_time};
    static attest::DevelopmentProvider provider(test::signing_key("root"), test::hash_of("code"), "concordat-ledger", 1,
                                                clock);
    static const crypto::PrivateKey key = test::signing_key("service");
    attest::AttestedChannel end(side, provider, key);
    end.start();
    refusing([&] {
        end.receive(bytes.first(bytes.size() / 2));
        end.receive(bytes.subspan(bytes.size() / 2));
    });
    if (end.ready()) __builtin_trap();
    end.take_output();
}
}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const ByteView bytes(data, size);
    channel(attest::Side::ledger, bytes);
    channel(attest::Side::enclave, bytes);
    refusing([&] {
        const json::Value value = json::parse(text_of(bytes), "evidence");
        refusing([&] { attest::verify_evidence(value, "/evidence"); });
        refusing([&] {
            const attest::Policy policy = attest::Policy::parse(value, "/enclaves");
            const json::Value written = policy.to_json();
            if (json::canonical(attest::Policy::parse(written, "/enclaves").to_json()) != json::canonical(written)) {
                __builtin_trap();
            }
        });
    });
    return 0;
}
