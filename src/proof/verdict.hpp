// What verification says: an ordered tree of lines, each with how it is known.
#pragma once
#include <base/json.hpp>
#include <string>
#include <vector>

namespace concordat::proof {

// proved: follows from signatures and hashes. attested: an enclave or ledger whose evidence holds says so. asserted:
// the host says so and nobody can check it.
enum class How { proved, attested, asserted };
std::string_view how_name(How how);

struct Line {
    // format binding message source entries transaction route chain account call inclusion finality disputed enclave
    // ledger state disclosures costs clock rollback anchor
    std::string layer;
    std::string text;
    How how = How::proved;
    bool ok = true;
    std::string problem;  // when not ok: what is wrong, with the field
    std::vector<Line> below;
};

struct Verdict {
    std::vector<Line> lines;
    bool holds = false;
};

// The innermost line that does not hold; null where all do.
const Line* first_problem(const std::vector<Line>& lines);

// A tree for people, in Unicode box drawing, one line each; and JSON for machines, {"holds", "lines": [{"layer",
// "text", "how", "ok", "problem"?, "below"?}]}.
std::string render_text(const Verdict& verdict);
json::Value render_json(const Verdict& verdict);

}  // namespace concordat::proof
