// Confidential fields and their disclosures, after SD-JWT (RFC 9901) in the flat form:
//   disclosure = base64url(JCS([base64url(salt), name, value])), salt of 16 bytes
//   digest     = base64url(SHA-256(ASCII(disclosure)))
// In a redacted object the confidential property is gone and its digest stands in the object's member "_sd", a strictly
// ascending array that is absent when it would be empty. The hash is fixed by the format's version, so there is no
// "_sd_alg". Readers hash a disclosure as they received it. What a redacted document still shows: how many confidential
// properties of an object are present.
#pragma once
#include <array>
#include <functional>
#include <span>

#include "schema.hpp"

namespace concordat::schema {

inline constexpr std::size_t max_disclosure_bytes = 1 << 20;  // of its text
inline constexpr std::size_t max_disclosures = 4096;          // handed to restore or reveal at once

struct Disclosure {
    std::string text;
    std::string name;
    json::Value value;
    std::vector<std::string> path;  // as in ConfidentialField
    std::string audience;
    Hash256 digest;  // its base64url text is what stands in "_sd"
};

struct Redaction {
    json::Value value;
    std::vector<Disclosure> disclosures;  // in the order of the schema's properties, outer to inner
};

using Salt = std::array<std::uint8_t, 16>;
using SaltSource = std::function<Salt(const std::vector<std::string>& path)>;

// Validates `plain` first, so that nothing confidential can hide where the schema does not look.
// Throws Error(schema_mismatch) as Schema::validate does.
Redaction redact(const Schema& schema, const json::Value& plain, const SaltSource& salt, std::string_view what = "");

// The inverse: needs every disclosure, exactly once, and validates the result. Throws Error(bad_format) naming the
// disclosure ("/disclosures/3") or the place in the document (`what` and a JSON Pointer), or Error(schema_mismatch).
json::Value restore(const Schema& schema, const json::Value& redacted, std::span<const std::string> disclosures,
                    std::string_view what = "");

// For a reader who holds some disclosures and perhaps no schema: puts in what is held and leaves the other digests.
// Throws Error(bad_format) for a disclosure that matches nothing, or a document that is not well formed.
json::Value reveal(const json::Value& redacted, std::span<const std::string> disclosures, std::string_view what = "");

// The base64url digest of a disclosure's text, and the decoded disclosure (path and audience stay empty).
// Throws Error(bad_format | too_large) naming `field`.
std::string digest_text(std::string_view disclosure);
Disclosure parse_disclosure(std::string_view text, std::string_view field);

}  // namespace concordat::schema
