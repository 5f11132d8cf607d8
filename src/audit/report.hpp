// The audit report: one HTML file that needs nothing else, for a browser, a phone and paper.
#pragma once
#include <iosfwd>

#include "facts.hpp"

namespace concordat::audit {

struct About {
    TimeMs made = 0;
    std::string program;     // "concordat 0.1.0"
    std::string trust_name;  // of the trust file, as its owner calls it
    std::string source;      // where the receipts are from
};

// The same facts make the same bytes.
void write_report(std::ostream& out, const Facts& facts, const About& about);

}  // namespace concordat::audit
