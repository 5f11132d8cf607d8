// Reading sealed parts with one's own key, and showing single fields to others.
#pragma once
#include <crypto/key.hpp>
#include <span>

#include "receipt.hpp"

namespace concordat::proof {

struct Opened {
    std::string at;        // "state" "result" "message" "terms" …
    std::string audience;  // whose key opened it
    std::string name;
    json::Value value;
    std::string disclosure;  // the text that disclose() takes
};

// Everything of the last entry that this key's holder may read; empty when nothing is sealed to it. Does not verify the
// receipt: verify() first. Throws Error(bad_format | bad_signature) when something sealed to this key does not open.
std::vector<Opened> open_receipt(std::string_view receipt_text, const crypto::EncryptionPrivateKey& key);

// The same receipt with these disclosures shown as well. Each must match a digest in what the receipt shows; otherwise
// verify() says so.
std::string disclose(std::string_view receipt_text, std::span<const std::string> disclosures);

}  // namespace concordat::proof
