// A statement of what a binding used in a period and of what each party bears of it: signed by whoever issues it, and
// checked offline from the two receipts beside it (docs/costs.md, docs/formats.md §9).
#pragma once
#include <base/clock.hpp>
#include <crypto/key.hpp>
#include <proof/trust.hpp>

#include "shares.hpp"

namespace concordat::statement {

inline constexpr std::string_view statement_typ = "concordat/statement/1";
inline constexpr std::string_view file_typ = "concordat/statement-file/1";
inline constexpr std::size_t max_file_bytes = 2 * proof::max_receipt_bytes + (std::size_t{4} << 20);

// What is asked for. Without a beginning, from the binding's first entry on; without an end, up to the closing one.
struct Question {
    std::optional<TimeMs> from, to;    // the period has `from` and not `to`
    std::optional<std::string> party;  // one party's share only
};

// The receipts of the last entry before the period, "" where there is none, and of the last one in it.
struct Receipts {
    std::string opening, closing;
};

// What follows from the receipts. Throws Error naming what is wrong with question or receipts, below /from, /to,
// /party, /opening and /closing: a receipt that does not hold by the trust file, one that is of another binding or not
// on its side of the period, a contract without costs.
struct Answer {
    contract::Entry closing;
    Hash256 closing_id;
    std::optional<contract::Entry> opening;
    Hash256 opening_id;
    std::vector<Part> parts;
    std::vector<Share> shares;
    // Chains whose blocks count as final by the host's word: what their fees rest on.
    std::vector<std::string> asserted;
    contract::Binding binding;  // the version in force at the end
};
Answer answer(const Question& question, const Receipts& receipts, const proof::TrustFile& trust, ledger::Kinds kinds);

// The statement without issuer and time: what it says, for people and programs.
json::Object to_json(const Question& question, const Answer& answer);

struct Issuer {
    std::string id;
    const crypto::PrivateKey& key;
};
// The file: JCS. Throws Error(bad_format) at /to where the period has not ended when it is issued.
std::string issue(const Question& question, const Receipts& receipts, const Answer& answer, const Issuer& issuer,
                  TimeMs issued);

struct Statement {
    Question question;
    std::string issuer;
    TimeMs issued = 0;
    json::Object said;  // as to_json() makes it
};

// As a file has them; nothing is believed yet. Strict; throws Error naming the member.
struct File {
    std::string statement;  // compact JWS
    Receipts receipts;
    static File parse(std::string_view text);
    std::string write() const;
};

// Checks everything that a file can show: throws Error naming field and rule. The issuer must be a party of the last
// version that the receipts show, by one of its keys there, or be listed with the key in the trust file's `parties`.
Statement verify(std::string_view text, const proof::TrustFile& trust, ledger::Kinds kinds, Answer* answer = nullptr);

}  // namespace concordat::statement
