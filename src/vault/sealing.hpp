// Keys that a process gets back after a restart because it runs on the same platform. Hardware derives them from the
// measurement of what runs; the development form reads a file and protects nothing from whoever can read that file.
#pragma once
#include <base/id.hpp>
#include <base/secret.hpp>
#include <crypto/key.hpp>
#include <filesystem>

namespace concordat::vault {

class Sealing {
  public:
    virtual ~Sealing() = default;
    // The same key for the same purpose, independent ones for different purposes.
    virtual SecretKey sealing_key(std::string_view purpose) = 0;
    virtual bool hardware() const = 0;
};

// Not hardware-protected: 32 random bytes in <folder>/development-sealing.key (mode 0600), made at first use.
class DevelopmentSealing final : public Sealing {
  public:
    // Reads the file now, so that a sandbox may be entered afterwards. Throws Error(forbidden | bad_format | disk).
    DevelopmentSealing(const std::filesystem::path& folder, Random& random);
    SecretKey sealing_key(std::string_view purpose) override;
    bool hardware() const override { return false; }

  private:
    SecretKey secret_;
};

// The development attestation root of this machine: an ES256K key in <folder>/development-root.jwk (mode 0600), made at
// first use; safe when several processes ask for it at once. Whoever holds it can vouch for anything.
class DevelopmentRoot {
  public:
    // With the system's randomness. Throws Error(forbidden | bad_format | bad_json | disk).
    explicit DevelopmentRoot(const std::filesystem::path& folder);
    DevelopmentRoot(const std::filesystem::path& folder, Random& random);
    const crypto::PublicKey& public_key() const { return key_.public_key(); }
    crypto::PrivateKey take_key() { return std::move(key_); }  // once

  private:
    crypto::PrivateKey key_;
};

}  // namespace concordat::vault
