// `concordat costs`: statements of what a binding used and of what each party bears of it.
#include <base/file.hpp>
#include <filesystem>
#include <ledger/confidential/protocol/statement.hpp>
#include <ledger/kinds/kinds.hpp>
#include <proof/verify.hpp>
#include <statement/statement.hpp>

#include "current.hpp"
#include "groups.hpp"
#include "input.hpp"
#include "output.hpp"

namespace concordat::cli {

namespace {

namespace ccl = ledger::confidential;

struct CostsOptions {
    std::string binding, trust, from, to, party, out, statement;
    bool force = false;
    KeyOptions key;
};

std::string path_of(const Hash256& binding) { return "/v1/bindings/" + binding.text(); }

// The entries of a binding by their times, as the node tells them: what the receipts show is checked afterwards.
class Timeline {
  public:
    Timeline(Session& session, const Hash256& binding, std::int64_t head)
        : session_(session), path_(path_of(binding)), head_(head) {}

    // The first entry that is not before `time`; one behind the head where there is none.
    std::int64_t first_at(TimeMs time) const {
        std::int64_t low = 0, high = head_ + 1;
        while (low < high) {
            const std::int64_t middle = low + (high - low) / 2;
            if (time_of(middle) < time) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        return low;
    }
    std::string receipt(std::int64_t sequence) const {
        return session_.get(path_ + "/entries/" + std::to_string(sequence) + "/receipt");
    }

  private:
    TimeMs time_of(std::int64_t sequence) const {
        const std::string after = sequence == 0 ? "" : "&after=" + std::to_string(sequence - 1);
        const json::Value page = session_.get_json(path_ + "/entries?limit=1" + after);
        json::Reader reader(page, "/entries");
        const json::Array& entries = reader.array("entries", 1);
        if (entries.empty())
            throw Error(Code::not_found, "/entries", "the node has no entry " + std::to_string(sequence));
        return parse_time(text_at(entries[0], "time"), "/entries/time");
    }

    Session& session_;
    std::string path_;
    std::int64_t head_;
};

// The receipt's entry, if it holds: the neighbours of a period are no part of its statement, but whoever issues one
// has seen that nothing of the period is left out.
contract::Entry verified_entry(const std::string& receipt, const proof::TrustFile& trust, std::int64_t sequence) {
    const proof::Verdict verdict = proof::verify(receipt, trust, ledger::all_kinds());
    const std::string field = "/entries/" + std::to_string(sequence) + "/receipt";
    if (!verdict.holds) {
        const proof::Line* problem = proof::first_problem(verdict.lines);
        throw Error(Code::bad_receipt, field,
                    problem == nullptr ? "does not hold" : problem->layer + ": " + problem->problem);
    }
    const proof::Receipt parsed = proof::Receipt::parse(receipt);
    contract::Entry entry = contract::Entry::parse(parsed.entries.back().document);
    if (entry.sequence != sequence) throw Error(Code::bad_receipt, field, "must be of that entry");
    return entry;
}

ccl::HeadStatement fetch_head(Session& session, const Hash256& binding, Hash256& nonce) {
    session.random.fill(nonce.bytes);
    return ccl::HeadStatement::parse(session.get_json(path_of(binding) + "/head?nonce=" + to_base64url(nonce.view())),
                                     "/head");
}

void check_head(const ccl::HeadStatement& head, const Hash256& nonce, const statement::Answer& answer) {
    const bool signed_for_us =
        head.binding == answer.closing.binding && head.nonce == nonce && head.verify(answer.binding.service_key);
    if (!signed_for_us) {
        throw Error(Code::bad_signature, "/head",
                    "must be the ledger's own answer, signed by the binding's service key");
    }
    if (answer.closing.sequence == static_cast<std::int64_t>(head.sequence) && answer.closing_id != head.entry_id) {
        throw Error(Code::rolled_back, "/head/entry", "the ledger's head is " + head.entry_id.text());
    }
}

// What lies just outside must not lie inside.
void check_edges(const Timeline& timeline, const statement::Question& question, std::int64_t opening,
                 std::int64_t closing, std::int64_t head, const proof::TrustFile& trust) {
    if (question.from && opening + 1 < closing) {
        const contract::Entry first = verified_entry(timeline.receipt(opening + 1), trust, opening + 1);
        if (first.time < *question.from) {
            throw Error(Code::bad_receipt, "/opening", "must be of the last entry before the period");
        }
    }
    if (question.to && closing < head) {
        const contract::Entry next = verified_entry(timeline.receipt(closing + 1), trust, closing + 1);
        if (next.time < *question.to) {
            throw Error(Code::bad_receipt, "/closing", "must be of the last entry in the period");
        }
    }
}

std::string fees_text(const json::Value& used) {
    std::vector<std::string> out;
    if (const json::Value* fees = used.as_object().if_contains("fees")) {
        for (const auto& fee : fees->as_object()) {
            out.push_back(std::string(fee.value().as_string()) + " " + std::string(fee.key()));
        }
    }
    return joined(out);
}

std::string amounts_text(const json::Value& share) {
    std::vector<std::string> out;
    if (const json::Value* amounts = share.as_object().if_contains("amounts")) {
        for (const auto& one : amounts->as_object()) {
            out.push_back(std::string(one.value().as_string()) + " " + std::string(one.key()));
        }
    }
    return joined(out);
}

void show(const json::Object& said, const statement::Answer& answer) {
    const json::Value value(said);
    note("binding  " + text_at(value, "binding"));
    const std::string from = text_at(value, "from"), to = text_at(value, "to");
    note("period   " + (from.empty() ? "from the first entry" : "from " + from) + (to.empty() ? "" : ", before " + to));
    const std::string after = answer.opening ? std::to_string(answer.opening->sequence + 1) : "0";
    note("entries  " + after + " to " + std::to_string(answer.closing.sequence));
    for (const std::string& chain : answer.asserted) {
        note("fees on " + chain + ": that the blocks are on the chain is the host's word, as the binding has it");
    }
    Table table({"PARTY", "BYTES", "FUEL", "SIGNATURES", "FEES", "AMOUNT"});
    const auto add = [&](const std::string& party, const json::Value& used, const std::string& amounts) {
        table.add({party, text_at(used, "bytes"), text_at(used, "fuel"), text_at(used, "signatures"), fees_text(used),
                   amounts});
    };
    for (const json::Value& share : said.at("shares").as_array()) {
        add(text_at(share, "party"), share.at("used"), amounts_text(share));
    }
    add("(all)", said.at("used"), "");
    print(table.text());
}

proof::TrustFile trust_of(const CostsOptions& options) {
    return proof::TrustFile::parse(read_text_file(options.trust));
}

statement::Question question_of(Session& session, const CostsOptions& options) {
    statement::Question out;
    const TimeMs now = session.clock.now();
    if (!options.from.empty()) out.from = time_argument(options.from, "--from", now);
    if (!options.to.empty()) out.to = time_argument(options.to, "--to", now);
    if (out.from && out.to && *out.from >= *out.to) {
        throw Error(Code::bad_format, "--from", "must lie before --to");
    }
    if (out.to && *out.to > now) throw Error(Code::bad_format, "--to", "must not lie in the future");
    if (!options.party.empty()) out.party = options.party;
    return out;
}

void make(Session& session, const CostsOptions& options) {
    if (options.binding.empty()) throw Error(Code::missing_field, "BINDING", "must be given");
    if (!options.out.empty() && options.key.file.empty()) {
        throw Error(Code::missing_field, "--key", "must be given: a statement in a file is signed");
    }
    if (!options.out.empty() && !options.force && std::filesystem::exists(options.out)) {
        throw Error(Code::conflict, "--output", "'" + options.out + "' exists: name another file, or give --force");
    }
    const Hash256 binding = digest_argument(options.binding, "BINDING");
    const proof::TrustFile trust = trust_of(options);
    const statement::Question question = question_of(session, options);
    Hash256 nonce;
    const ccl::HeadStatement head = fetch_head(session, binding, nonce);
    const auto last = static_cast<std::int64_t>(head.sequence);
    const Timeline timeline(session, binding, last);
    const std::int64_t opening = question.from ? timeline.first_at(*question.from) - 1 : -1;
    const std::int64_t closing = question.to ? timeline.first_at(*question.to) - 1 : last;
    if (closing <= opening) {
        throw Error(Code::not_found, question.from ? "--from" : "--to", "must leave an entry in the period");
    }
    statement::Receipts receipts{.opening = opening < 0 ? "" : timeline.receipt(opening),
                                 .closing = timeline.receipt(closing)};
    const statement::Answer answer = statement::answer(question, receipts, trust, ledger::all_kinds());
    if (answer.closing.binding != binding) throw Error(Code::bad_receipt, "/closing", "must be of " + binding.text());
    check_head(head, nonce, answer);
    check_edges(timeline, question, opening, closing, last, trust);
    const json::Object said = statement::to_json(question, answer);
    if (!options.out.empty()) {
        const vault::KeyFile key = options.key.load();
        const std::string file =
            statement::issue(question, receipts, answer, {.id = key.id, .key = key.keys.front()}, session.clock.now());
        write_file_atomic(options.out, bytes_of(file), 0644);
        note(options.out + ": signed by " + key.id);
    }
    if (session.json) return print_json(said);
    show(said, answer);
}

void verify(Session& session, const CostsOptions& options) {
    const std::string text = read_text_file(options.statement, statement::max_file_bytes + 1);
    statement::Answer answer;
    const statement::Statement said = statement::verify(text, trust_of(options), ledger::all_kinds(), &answer);
    if (session.json) {
        return print_json(json::Object{
            {"holds", true}, {"issuer", said.issuer}, {"issued", format_time(said.issued)}, {"said", said.said}});
    }
    note("The statement holds: its figures follow from its receipts");
    note("issuer   " + said.issuer + ", " + format_time(said.issued));
    show(said.said, answer);
    if (said.question.from || said.question.to) {
        note("that the period has no other entries is the issuer's word: statements that follow each other show it");
    }
}

}  // namespace

void add_costs_command(CLI::App& app, Session& session) {
    const auto options = std::make_shared<CostsOptions>();
    auto* command = app.add_subcommand(
        "costs", "What a binding used in a period, and what each party bears of it, from verified receipts");
    command->add_option("BINDING", options->binding, "the binding's id");
    command->add_option("--trust", options->trust, "your trust file")->required();
    command->add_option("--from", options->from, "when the period begins, such as 2026-01-01T00:00:00.000Z");
    command->add_option("--to", options->to, "when it has ended; by default all entries count");
    command->add_option("--party", options->party, "one party's share only");
    command->add_option("-o,--output,--out", options->out, "file to write: a signed statement");
    command->add_flag("--force", options->force, "overwrite the file");
    options->key.add_to(*command, false);
    auto* check = command->add_subcommand("verify", "Check a statement offline: status 0 it holds, 1 it does not");
    check->add_option("STATEMENT", options->statement, "file that `costs -o` wrote")->required();
    command->callback([=, &session] { check->parsed() ? verify(session, *options) : make(session, *options); });
}

}  // namespace concordat::cli
