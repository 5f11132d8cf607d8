// Evidence of kind "development": {"kind", "report", "root"}. The report is a compact JWS (ES256K) of typ
// concordat/evidence/development/1 over {"typ","product","measurement","svn","report_data","issued"}, signed by a
// development attestation root whose public JWK travels beside it. It says what a root on the same machine was told:
// no hardware protects anything, so a policy must list the root to accept it.
#pragma once
#include <base/clock.hpp>
#include <crypto/key.hpp>

#include "evidence.hpp"

namespace concordat::attest {

inline constexpr std::string_view development_kind = "development";
inline constexpr std::string_view development_typ = "concordat/evidence/development/1";

class DevelopmentProvider final : public EvidenceProvider {
  public:
    // `root` is an ES256K key; another aborts. `clock` must outlive the provider.
    DevelopmentProvider(crypto::PrivateKey root, const Hash256& measurement, std::string product, std::int64_t svn,
                        Clock& clock);
    json::Value make(const Hash256& report_data) override;
    std::string_view kind() const override { return development_kind; }
    const Hash256& root() const { return root_.public_key().thumbprint(); }

  private:
    crypto::PrivateKey root_;
    Hash256 measurement_;
    std::string product_;
    std::int64_t svn_;
    Clock& clock_;
};

// Throws any Error; verify_evidence makes it bad_evidence.
Claims verify_development(const json::Value& evidence, const std::string& path);

}  // namespace concordat::attest
