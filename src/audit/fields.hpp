// Documents for people: the members of what was signed, with what the reader's key opens put in.
#pragma once
#include <proof/open.hpp>
#include <schema/disclosure.hpp>

#include "facts.hpp"

namespace concordat::audit {

inline constexpr std::size_t max_fields = 64;
inline constexpr std::size_t max_field_bytes = 600;

// By digest, so that what a key opened is shown only where its digest stands.
class Opened {
  public:
    void add(const proof::Opened& one);
    const schema::Disclosure* find(std::string_view digest) const;

  private:
    static constexpr std::size_t max_kept = 100'000;
    std::map<std::string, schema::Disclosure, std::less<>> by_digest_;
};

// At most max_fields; longer values are cut. `sealed` and `opened` are counted up.
std::vector<Field> fields_of(const json::Object& redacted, const Opened& opened, Facts& counts);

}  // namespace concordat::audit
