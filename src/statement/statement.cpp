#include "statement.hpp"

#include <algorithm>
#include <contract/names.hpp>
#include <proof/verify.hpp>

namespace concordat::statement {
namespace {

// A receipt that holds, and the entry that it is about.
struct Read {
    proof::Receipt receipt;
    contract::Entry entry;
    Hash256 id;
};

[[noreturn]] void refuse(std::string field, std::string rule) {
    throw Error(Code::bad_receipt, std::move(field), std::move(rule));
}

Read read_receipt(const std::string& text, const std::string& field, const proof::TrustFile& trust,
                  ledger::Kinds kinds) {
    const proof::Verdict verdict = proof::verify(text, trust, kinds);
    if (!verdict.holds) {
        const proof::Line* problem = proof::first_problem(verdict.lines);
        refuse(field, problem == nullptr ? "does not hold" : problem->layer + ": " + problem->problem);
    }
    Read out{.receipt = proof::Receipt::parse(text), .entry = {}, .id = {}};
    const Bytes& document = out.receipt.entries.back().document;
    out.entry = contract::Entry::parse(document);
    out.id = out.entry.id(document);
    return out;
}

contract::Binding version_of(const proof::Receipt& receipt) {
    return contract::Binding::parse(crypto::GeneralJws::parse(receipt.bindings.back(), "/closing/bindings").payload);
}

void check_period(const Question& question) {
    if (question.from && question.to && *question.from >= *question.to) {
        throw Error(Code::bad_format, "/from", "must lie before /to, " + format_time(*question.to));
    }
}

// Each entry on its side of the period: what lies between is what the statement is about.
void check_sides(const Question& question, const Read* opening, const Read& closing) {
    if (question.to && closing.entry.time >= *question.to) {
        refuse("/closing", "must be of an entry before " + format_time(*question.to));
    }
    if (question.from && closing.entry.time < *question.from) {
        refuse("/closing", "must be of an entry in the period, from " + format_time(*question.from) + " on");
    }
    if (opening == nullptr) return;
    if (!question.from) refuse("/opening", "must be absent where the period has no beginning");
    if (opening->entry.time >= *question.from) {
        refuse("/opening", "must be of an entry before " + format_time(*question.from));
    }
    if (opening->entry.binding != closing.entry.binding) {
        refuse("/opening", "must be of the binding " + closing.entry.binding.text());
    }
    if (opening->entry.sequence >= closing.entry.sequence) refuse("/opening", "must be of an entry before the closing");
    const auto& then = opening->receipt.bindings;
    const auto& now = closing.receipt.bindings;
    if (then.size() > now.size() || !std::equal(then.begin(), then.end(), now.begin())) {
        refuse("/opening", "must tell of the same versions as the closing receipt");
    }
}

// Without an opening entry the period begins with the binding.
void check_beginning(const Question& question, const Read* opening, const Read& closing) {
    if (opening != nullptr || !question.from) return;
    const contract::Entry first = contract::Entry::parse(closing.receipt.entries.front().document);
    if (first.time < *question.from) {
        refuse("/opening", "must be present: the binding has entries before " + format_time(*question.from));
    }
}

std::vector<std::string> asserted_chains(const contract::Usage& used, const proof::Receipt& receipt) {
    std::set<std::string> found;
    for (const json::Value& jws : receipt.bindings) {
        const auto version = contract::Binding::parse(crypto::GeneralJws::parse(jws, "/closing/bindings").payload);
        for (const auto& [name, place] : version.ledgers) {
            for (const contract::LedgerTarget& target : place.candidates) {
                const bool by_word = target.finality.witness == ledger::host_witness;
                if (by_word && used.fees.contains(target.chain)) found.insert(target.chain);
            }
        }
    }
    return {found.begin(), found.end()};
}

json::Object place(const contract::Entry& entry, const Hash256& id) {
    return {{"sequence", entry.sequence}, {"entry", id.text()}, {"time", format_time(entry.time)}};
}

json::Object part_json(const Part& part) {
    json::Object out = part.terms.to_json();
    out["version"] = part.version.text();
    out["last"] = part.last;
    out["used"] = part.used.to_json();
    return out;
}

json::Object share_json(const Share& share) {
    json::Object out{{"party", share.party}, {"used", share.used.to_json()}};
    if (share.amounts.empty()) return out;
    json::Object amounts;
    for (const auto& [currency, amount] : share.amounts) amounts[currency] = amount;
    out["amounts"] = std::move(amounts);
    return out;
}

json::Object payload_of(const Question& question, const Answer& answer, const std::string& issuer,
                        const crypto::PublicKey& key, TimeMs issued) {
    json::Object out = to_json(question, answer);
    out["typ"] = statement_typ;
    out["issuer"] = json::Object{{"id", issuer}, {"key", key.jwk()}};
    out["issued"] = format_time(issued);
    return out;
}

void check_issued(const Question& question, TimeMs issued) {
    if (!question.to || *question.to <= issued) return;
    throw Error(Code::bad_format, "/to", "must not lie after the time of issue, " + format_time(issued));
}

// What differs first, by name.
void compare(const json::Value& said, const json::Value& shown, const std::string& field) {
    if (said == shown) return;
    if (said.is_object() && shown.is_object()) {
        std::set<std::string> names;
        for (const auto& member : said.get_object()) names.emplace(member.key());
        for (const auto& member : shown.get_object()) names.emplace(member.key());
        for (const std::string& name : names) {
            const json::Value* a = said.get_object().if_contains(name);
            const json::Value* b = shown.get_object().if_contains(name);
            if (a == nullptr) refuse(field + "/" + name, "must be present, as the receipts show it");
            if (b == nullptr) refuse(field + "/" + name, "must be absent: the receipts do not show it");
            compare(*a, *b, field + "/" + name);
        }
    }
    if (said.is_array() && shown.is_array() && said.get_array().size() == shown.get_array().size()) {
        for (std::size_t i = 0; i < said.get_array().size(); ++i) {
            compare(said.get_array()[i], shown.get_array()[i], field + "/" + std::to_string(i));
        }
    }
    refuse(field, "must be what the receipts show: " + json::canonical(shown));
}

struct Payload {
    Question question;
    std::string issuer;
    crypto::PublicKey key;
    TimeMs issued = 0;
};

// As much of it as says what it is a statement of; the rest is compared as a whole.
Payload read_payload(const json::Value& value) {
    json::Reader in(value, "/statement");
    in.expect("typ", statement_typ);
    Payload out;
    if (in.find("from") != nullptr) out.question.from = contract::read_time(in, "from");
    if (in.find("to") != nullptr) out.question.to = contract::read_time(in, "to");
    if (in.find("party") != nullptr) out.question.party = in.string("party", contract::max_id_bytes);
    json::Reader issuer(in.any("issuer"), in.at("issuer"));
    out.issuer = issuer.string("id", contract::max_id_bytes);
    contract::check_id(out.issuer, issuer.at("id"));
    out.key = contract::read_key(issuer.any("key"), issuer.at("key"));
    issuer.finish();
    out.issued = contract::read_time(in, "issued");
    return out;
}

void check_issuer(const Payload& payload, const contract::Binding& version, const proof::TrustFile& trust) {
    const auto listed = trust.parties.find(payload.issuer);
    if (listed != trust.parties.end()) {
        if (listed->second.contains(payload.key.thumbprint())) return;
        throw Error(Code::not_a_party, "/statement/issuer/key",
                    "must be one that the trust file gives " + payload.issuer);
    }
    const contract::Party* party = version.party(payload.issuer);
    if (party == nullptr) {
        throw Error(Code::not_a_party, "/statement/issuer/id",
                    "must be a party of the version in force, or one that the trust file lists");
    }
    if (std::ranges::find(party->keys, payload.key) == party->keys.end()) {
        throw Error(Code::not_a_party, "/statement/issuer/key", "must be a key of " + payload.issuer);
    }
}

}  // namespace

Answer answer(const Question& question, const Receipts& receipts, const proof::TrustFile& trust, ledger::Kinds kinds) {
    check_period(question);
    const Read closing = read_receipt(receipts.closing, "/closing", trust, kinds);
    std::optional<Read> opening;
    if (!receipts.opening.empty()) opening = read_receipt(receipts.opening, "/opening", trust, kinds);
    const Read* begins = opening ? &*opening : nullptr;
    check_sides(question, begins, closing);
    check_beginning(question, begins, closing);
    Answer out{.closing = closing.entry,
               .closing_id = closing.id,
               .opening = {},
               .opening_id = {},
               .parts = {},
               .shares = {},
               .asserted = {},
               .binding = version_of(closing.receipt)};
    out.parts = parts_of(closing.receipt, begins == nullptr ? nullptr : &begins->entry);
    if (out.parts.empty()) {
        throw Error(Code::not_found, "/closing/costs", "must be present: no contract of the period shares costs");
    }
    out.shares = shares_of(out.parts);
    out.asserted = asserted_chains(sum_of(out.parts), closing.receipt);
    if (opening) {
        out.opening = std::move(opening->entry);
        out.opening_id = opening->id;
    }
    if (!question.party) return out;
    std::erase_if(out.shares, [&](const Share& share) { return share.party != *question.party; });
    if (out.shares.empty()) {
        throw Error(Code::not_found, "/party", "must be a party that bears costs in the period");
    }
    return out;
}

json::Object to_json(const Question& question, const Answer& answer) {
    json::Array parts, shares;
    for (const Part& part : answer.parts) parts.push_back(part_json(part));
    for (const Share& share : answer.shares) shares.push_back(share_json(share));
    json::Object out{{"binding", answer.closing.binding.text()},
                     {"closing", place(answer.closing, answer.closing_id)},
                     {"used", sum_of(answer.parts).to_json()},
                     {"parts", std::move(parts)},
                     {"shares", std::move(shares)}};
    if (question.from) out["from"] = format_time(*question.from);
    if (question.to) out["to"] = format_time(*question.to);
    if (question.party) out["party"] = *question.party;
    if (answer.opening) out["opening"] = place(*answer.opening, answer.opening_id);
    return out;
}

std::string issue(const Question& question, const Receipts& receipts, const Answer& answer, const Issuer& issuer,
                  TimeMs issued) {
    check_issued(question, issued);
    const json::Object payload = payload_of(question, answer, issuer.id, issuer.key.public_key(), issued);
    const File file{.statement = crypto::sign_compact(bytes_of(json::canonical(payload)), statement_typ, issuer.key),
                    .receipts = receipts};
    return file.write();
}

File File::parse(std::string_view text) {
    const json::Value value = json::parse(text, "/file", {.bytes = max_file_bytes, .depth = 34});
    json::Reader in(value, "/file");
    in.expect("typ", file_typ);
    File out;
    out.statement = in.string("statement", std::size_t{4} << 20);
    out.receipts.closing = json::canonical(in.object("closing"));
    if (in.find("opening") != nullptr) out.receipts.opening = json::canonical(in.object("opening"));
    in.finish();
    if (json::canonical(value) != text) throw Error(Code::bad_format, "/file", "must be in RFC 8785 form");
    return out;
}

std::string File::write() const {
    constexpr json::Limits limits{.bytes = proof::max_receipt_bytes, .depth = 32};
    json::Object out{
        {"typ", file_typ}, {"statement", statement}, {"closing", json::parse(receipts.closing, "/closing", limits)}};
    if (!receipts.opening.empty()) out["opening"] = json::parse(receipts.opening, "/opening", limits);
    return json::canonical(out);
}

Statement verify(std::string_view text, const proof::TrustFile& trust, ledger::Kinds kinds, Answer* shown) {
    const File file = File::parse(text);
    const crypto::Jws jws = crypto::parse_compact(file.statement, "/statement", std::size_t{4} << 20);
    const json::Value value = json::parse(text_of(jws.payload), "/statement", {.bytes = std::size_t{4} << 20});
    if (json::canonical(value) != text_of(jws.payload)) {
        throw Error(Code::bad_format, "/statement", "must be in RFC 8785 form");
    }
    const Payload payload = read_payload(value);
    if (jws.header.typ != statement_typ) {
        throw Error(Code::bad_format, "/statement/typ", "must be " + std::string(statement_typ));
    }
    jws.verify(payload.key, "/statement");
    check_issued(payload.question, payload.issued);
    Answer found = answer(payload.question, file.receipts, trust, kinds);
    check_issuer(payload, found.binding, trust);
    const json::Object right = payload_of(payload.question, found, payload.issuer, payload.key, payload.issued);
    compare(value, json::Value(right), "/statement");
    Statement out{.question = payload.question,
                  .issuer = payload.issuer,
                  .issued = payload.issued,
                  .said = to_json(payload.question, found)};
    if (shown != nullptr) *shown = std::move(found);
    return out;
}

}  // namespace concordat::statement
