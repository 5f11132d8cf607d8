// Documents for people: the members of what was signed, with what the reader's key opens put in.
#pragma once
#include <proof/open.hpp>
#include <schema/disclosure.hpp>

#include "facts.hpp"

namespace concordat::audit {

inline constexpr std::size_t max_fields = 64;
inline constexpr std::size_t max_field_bytes = 600;
inline constexpr std::size_t max_message_bytes = 6000;  // of one document's fields
inline constexpr std::size_t max_state_bytes = 60'000;

// By digest, so that what a key opened is shown only where its digest stands.
class Opened {
  public:
    void add(const proof::Opened& one);
    const schema::Disclosure* find(std::string_view digest) const;

  private:
    static constexpr std::size_t max_kept = 100'000;
    std::map<std::string, schema::Disclosure, std::less<>> by_digest_;
};

// At most max_fields with `max_bytes` in all, longer values cut; a last one says that there is more. What is sealed and
// opened of these is counted up.
std::vector<Field> fields_of(const json::Object& redacted, const Opened& opened, Facts& counts,
                             std::size_t max_bytes = max_message_bytes);

}  // namespace concordat::audit
