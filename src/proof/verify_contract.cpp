// Layers about what the parties signed: bindings, entries, and the last entry's input.
#include <algorithm>
#include <contract/input.hpp>
#include <contract/names.hpp>
#include <crypto/hash.hpp>
#include <ranges>

#include "verifier.hpp"

namespace concordat::proof {
namespace {

[[noreturn]] void fail(std::string field, std::string rule) {
    throw Error(Code::bad_format, "/receipt/" + std::move(field), std::move(rule));
}

std::string entry_path(std::size_t index) { return "entries/" + std::to_string(index); }

bool holds_a_version(contract::EntryType type) {
    return type == contract::EntryType::bind || type == contract::EntryType::amend;
}

std::string joined(const std::set<std::string>& ids) {
    std::string out;
    for (const std::string& id : ids) out += (out.empty() ? "" : ", ") + id;
    return out;
}

}  // namespace

// ---------------------------------------------------------------------------------------------------------- bindings

void Verifier::read_version(std::size_t index) {
    const std::string field = "/receipt/bindings/" + std::to_string(index);
    Version version;
    version.jws = crypto::GeneralJws::parse(receipt_.bindings[index], field);
    version.binding = contract::Binding::parse(version.jws.payload);
    version.input = crypto::sha256(json::canonical(receipt_.bindings[index]));
    if (index == 0) {
        contract::check_first(version.binding, version.jws);
    } else {
        contract::check_amendment(this->version(index - 1).binding, version.binding, version.jws);
    }
    versions_[index] = std::move(version);
}

Line Verifier::bindings() {
    std::vector<Line> below;
    for (std::size_t i = 0; i < receipt_.bindings.size(); ++i) {
        Line line = check("binding", "version " + std::to_string(i + 1), How::proved, [&] { read_version(i); });
        if (versions_[i]) {
            const auto& [jws, binding, input] = *versions_[i];
            const auto ids = i == 0 ? contract::signers(binding, jws, contract::binding_typ)
                                    : contract::amendment_signers(versions_[i - 1]->binding, binding, jws);
            line.text += " " + binding.hash.text() + ", signed by " + joined(ids);
        }
        below.push_back(std::move(line));
    }
    for (Line& line : known_parties()) below.push_back(std::move(line));
    return group("binding",
                 std::to_string(receipt_.bindings.size()) + " version(s), each signed as the one before asks",
                 How::proved, std::move(below));
}

// For parties whom the trust file knows, in every version: their keys are those that it gives.
std::vector<Line> Verifier::known_parties() const {
    std::vector<Line> lines;
    for (const auto& [id, known] : trust_.parties) {
        bool named = false;
        Line line = check("binding", id + " has the keys that the trust file gives it", How::proved, [&, this] {
            for (const auto& version : versions_) {
                const contract::Party* party = version ? version->binding.party(id) : nullptr;
                if (party == nullptr) continue;
                named = true;
                for (const auto& key : party->keys) {
                    if (!known.contains(key.thumbprint()))
                        fail("bindings", "gives " + id + " the unknown key " + key.kid());
                }
            }
        });
        if (named) lines.push_back(std::move(line));
    }
    return lines;
}

// ----------------------------------------------------------------------------------------------------------- entries

void Verifier::read_step(std::size_t index) {
    const ReceiptEntry& one = receipt_.entries[index];
    Step step{contract::Entry::parse(one.document), {}};
    step.id = step.entry.id(one.document);
    steps_[index] = std::move(step);
}

// Which entries a receipt holds leaves nothing to choose: those of the versions, the one that it is about, and the
// steps that this one rests on.
void Verifier::check_shape() const {
    std::vector<contract::EntryType> others;
    for (std::size_t i = 0; i < receipt_.entries.size(); ++i) {
        if (!holds_a_version(step(i).entry.type)) others.push_back(step(i).entry.type);
    }
    if (receipt_.entries.size() - others.size() != receipt_.bindings.size()) {
        fail("entries", "must hold one entry that brings a version for each version");
    }
    const contract::EntryType about = last().entry.type;
    const bool of_transaction = follows_prepare(about);
    const bool begins_it = !others.empty() && others.front() == contract::EntryType::prepare;
    const auto later = others | std::views::drop(1);
    const bool fits = of_transaction ? begins_it && std::ranges::all_of(later, follows_prepare)
                                     : others.size() == (holds_a_version(about) ? 0u : 1u);
    if (!fits) {
        fail("entries",
             "must be one for each version, then the one that it is about, with the earlier ones of its transaction");
    }
    const bool has_package = receipt_.package.has_value();
    if (has_package != find(contract::EntryType::prepare).has_value()) {
        fail("package", "must be present where there is a prepare entry, and only there");
    }
}

void Verifier::check_content(std::size_t index) const {
    const contract::Entry& entry = step(index).entry;
    const ReceiptEntry& one = receipt_.entries[index];
    const std::string path = entry_path(index);
    if (holds_a_version(entry.type)) {
        if (one.input) fail(path + "/input", "must be absent: `bindings` holds it");
        if ((entry.type == contract::EntryType::bind) != (index == 0))
            fail(path, "must be bind at first, and amend later");
        if (entry.input != version_of(index).input) fail(path, "must name its version's signed document as its input");
        return;
    }
    if (index == 0) fail(path, "must be the bind entry");
    if (!one.input) fail(path + "/input", "must be present");
    if (entry.input != crypto::sha256(*one.input)) fail(path + "/input", "must have the digest that the entry names");
}

void Verifier::check_step(std::size_t index) const {
    const contract::Entry& entry = step(index).entry;
    const std::string path = entry_path(index);
    if (index == last_index()) check_shape();
    check_content(index);
    const Version& version = version_of(index);
    if (entry.version != version.binding.hash) fail(path, "must name the version in force");
    if (entry.binding != version.binding.id) fail(path, "must name the binding");
    if (entry.ledger != version.binding.chain) fail(path, "must name the binding's record ledger");
    if (entry.package && *entry.package != version.binding.package) fail(path, "must name the version's package");
    if (index > 0) check_links(index);
}

void Verifier::check_links(std::size_t index) const {
    const Step& before = step(index - 1);
    const contract::Entry& entry = step(index).entry;
    const std::string path = entry_path(index);
    if (entry.sequence <= before.entry.sequence) fail(path, "must have a higher sequence than the entry before");
    if (entry.time < before.entry.time) fail(path, "must not be earlier than the entry before");
    if (entry.sequence != before.entry.sequence + 1) return;
    if (entry.previous != before.id) fail(path, "must name the entry before as its previous");
    if (entry.state_before != before.entry.state_after)
        fail(path, "must begin with the state that the entry before left");
}

Line Verifier::entries() {
    std::vector<Line> below;
    for (std::size_t i = 0; i < receipt_.entries.size(); ++i) {
        below.push_back(check("entries", "entry", How::proved, [&] { read_step(i); }));
    }
    for (std::size_t i = 0; i < receipt_.entries.size(); ++i) {
        if (!steps_[i]) continue;
        const auto& [entry, id] = *steps_[i];
        std::string text = std::string(contract::entry_type_name(entry.type)) + " " + std::to_string(entry.sequence) +
                           " " + id.text() + (entry.action.empty() ? "" : ", action " + entry.action);
        below[i] = check("entries", std::move(text), How::proved, [&] { check_step(i); });
    }
    return group("entries", std::to_string(receipt_.entries.size()) + " entries of one sequence", How::proved,
                 std::move(below));
}

// ------------------------------------------------------------------------------------------------------------- input

namespace {

// An entry says what became of another binding's call exactly where it comes of one.
void check_call(const contract::Entry& entry, const contract::CallInput* call) {
    if (entry.fate.has_value() != (call != nullptr))
        fail("entries", "must have a fate exactly where a call is the input");
    if (call == nullptr) return;
    if (call->call.binding != entry.binding) fail("message", "must be a call of this binding");
    if (call->call.action != entry.action) fail("message", "must call the entry's action");
    const bool cancelled = call->purpose == ledger::Purpose::cancel;
    if (cancelled != (entry.fate == ledger::Fate::cancelled)) fail("entries", "must say cancelled of a cancellation");
}

}  // namespace

void Verifier::check_message(std::size_t index) const {
    const contract::Entry& entry = step(index).entry;
    const contract::Binding& binding = version_of(index).binding;
    const std::string text(text_of(*receipt_.entries[index].input));
    const auto signed_input = contract::Input::parse(text);
    const contract::Sender& sender = signed_input.verify(binding);
    if (entry.sender_role != sender.role || entry.sender_id != sender.id || entry.sender_key != sender.key.kid()) {
        fail("entries", "must name as sender who signed the input");
    }
    if (entry.number != signed_input.number()) fail("entries", "must name the input's number");
    if (entry.time > signed_input.expires()) fail("entries", "must not be later than the input's expiry");
    const auto* call = std::get_if<contract::CallInput>(&signed_input.content);
    check_call(entry, call);
    const auto* message = std::get_if<contract::Message>(&signed_input.content);
    if (message == nullptr) return;
    if (message->binding != binding.id) fail("message", "must be for this binding");
    if (message->version != binding.hash) fail("message", "must be for the version in force");
    if (message->ledger != binding.chain) fail("message", "must be for this record ledger");
    if (message->action != entry.action) fail("message", "must ask for the entry's action");
    // Whether `seen` is an ancestor the enclave has checked; here only: it is no entry that comes later.
    if (message->seen == step(index).id) fail("message", "must not have seen its own entry");
}

void Verifier::check_proposal() const {
    const json::Value value =
        json::parse(text_of(*receipt_.entries.back().input), "/input", {.bytes = max_receipt_bytes});
    const auto jws = crypto::GeneralJws::parse(value, "/input");
    const auto next = contract::Binding::parse(jws.payload);
    contract::check_successor(in_force().binding, next);
    if (contract::amendment_signers(in_force().binding, next, jws).empty()) fail("input", "must be signed by a party");
    if (last().entry.proposal != next.hash) fail("entries", "must name the version that the input proposes");
}

void Verifier::check_close() const {
    std::string_view rest = text_of(*receipt_.entries.back().input);
    while (!rest.empty()) {
        const std::size_t end = std::min(rest.find('\n'), rest.size());
        const crypto::Jws jws = crypto::parse_compact(rest.substr(0, end), "/decision");
        const auto decision = contract::Decision::parse(jws.payload);
        if (jws.header.typ != contract::decision_typ) fail("decision", "must have the typ of a decision");
        const auto* sender = in_force().binding.sender(contract::thumbprint_of(jws.header.kid, "/decision/kid"));
        if (sender == nullptr || sender->is_source || sender->id != decision.party) {
            fail("decision", "must be signed by the party that it names");
        }
        jws.verify(sender->key, "/decision");
        if (last().entry.proposal != decision.document) fail("decision", "must be about the proposal that is closed");
        rest.remove_prefix(std::min(end + 1, rest.size()));
    }
}

void Verifier::check_terminate() const {
    const json::Value value =
        json::parse(text_of(*receipt_.entries.back().input), "/input", {.bytes = max_receipt_bytes});
    const auto jws = crypto::GeneralJws::parse(value, "/input");
    const auto content = contract::Termination::parse(jws.payload);
    contract::check_termination(in_force().binding, content.binding, content.version, jws);
    if (last().entry.time > content.expires) fail("entries", "must not be later than the termination's expiry");
}

Line Verifier::message(std::size_t index) const {
    const contract::Entry& entry = steps_[index]->entry;
    const auto& version = versions_[version_index(index)];
    const bool source = version && version->binding.party(entry.sender_id) == nullptr;
    std::string text = (source       ? "observation "
                        : entry.fate ? "call "
                                     : "message ") +
                       std::to_string(entry.number) + " signed by " + entry.sender_id + " (" + entry.sender_role + ")";
    if (entry.fate) text += ": " + std::string(ledger::fate_name(*entry.fate));
    if (entry.fate == ledger::Fate::failed) text += ", " + entry.reason;
    return check(source ? "source" : "message", std::move(text), How::proved, [&] { check_message(index); });
}

Line Verifier::input() const {
    using contract::EntryType;
    const auto& step = steps_.back();
    if (!step) return check("message", "the last entry's input", How::proved, [&] { last(); });
    if (const auto ran = execution()) return message(*ran);
    const auto run = [&](std::string text, void (Verifier::*body)() const) {
        return check("message", std::move(text), How::proved, [&] {
            if (!receipt_.entries.back().input) fail("entries", "must hold the last entry's input");
            (this->*body)();
        });
    };
    switch (step->entry.type) {
        case EntryType::bind:
        case EntryType::amend:
            return check("message", "the signed version is the input", How::proved, [&] { in_force(); });
        case EntryType::propose:
            return run("proposed version signed by a party", &Verifier::check_proposal);
        case EntryType::close:
            return run("decisions signed by their parties", &Verifier::check_close);
        case EntryType::terminate:
            return run("termination signed as an amendment", &Verifier::check_terminate);
        default:
            break;
    }
    return check("message", "what the " + std::string(contract::entry_type_name(step->entry.type)) + " entry came of",
                 How::proved, [] { fail("entries", "must hold the signed input that it came of"); });
}

}  // namespace concordat::proof
