// The parties of the benchmarks' agreements, their documents and their signed messages.
#pragma once
#include <client/documents.hpp>
#include <contract/binding.hpp>
#include <contract/package.hpp>
#include <enclave/protocol/protocol.hpp>
#include <enclave/runtime/runtime.hpp>

namespace concordat::bench {

// bench/contract, built once for the process.
const contract::Package& bench_package();
enclave::runtime::Engine& bench_engine();

// What a binding must name of the platform that runs it.
struct Platform {
    std::string chain;
    crypto::PublicKey service_key;
    crypto::EncryptionPublicKey encryption_key;
    Hash256 measurement, root;
};

// `count` parties of the role buyer share out the keys, at most 16 each; one seller only signs the binding.
struct Senders {
    explicit Senders(std::size_t count);
    std::vector<crypto::PrivateKey> buyers;
    crypto::PrivateKey seller;
    crypto::EncryptionPrivateKey encryption;
    json::Object parties() const;
};

// One binding and where it stands.
struct Agreement {
    Hash256 id;
    Bytes jws;     // signed by everyone, JCS
    Hash256 seen;  // its newest entry that we know
    std::int64_t next_number = 1;
};

// What every document of the benchmarks has: all but parties, terms, and, where it acts on any, ledgers.
json::Object binding_document(const Platform& platform, const Hash256& package);
Agreement make_agreement(const Platform& platform, const Senders& senders);
// A signed message of some 1.4 KiB as compact text, 0.9 KiB of it before base64url, by the n-th buyer's key.
std::string make_delivery(Agreement& agreement, const Platform& platform, const Senders& senders, std::size_t sender);

// ES256K verifications of such a message a second on this core now: the bound.
class VerificationBound {
  public:
    VerificationBound();
    // Measures for `seconds` more.
    void measure(double seconds = 0.1);
    double per_second() const { return static_cast<double>(done_) / seconds_; }

  private:
    crypto::PrivateKey key_;
    std::string text_;
    std::uint64_t done_ = 0;
    double seconds_ = 0;
};

}  // namespace concordat::bench
