#include "check.hpp"

#include <base/file.hpp>
#include <ostream>

#include "verify.hpp"

namespace concordat::proof {

int check_files(const std::filesystem::path& receipt, const std::filesystem::path& trust, ledger::Kinds kinds,
                bool as_json, std::ostream& out) {
    // One byte over the limit is read too, so that the verifier itself refuses what is too large.
    const std::string text = read_text_file(receipt, max_receipt_bytes + 1);
    const auto trusted = TrustFile::parse(read_text_file(trust));
    const Verdict verdict = verify(text, trusted, kinds);
    if (as_json) {
        out << json::canonical(render_json(verdict)) << '\n';
    } else {
        out << render_text(verdict);
    }
    return verdict.holds ? 0 : 1;
}

}  // namespace concordat::proof
