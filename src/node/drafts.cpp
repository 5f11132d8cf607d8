#include "drafts.hpp"

#include <algorithm>
#include <base/log.hpp>
#include <contract/fit.hpp>
#include <crypto/hash.hpp>

namespace concordat::node {

using contract::EntryType;

namespace {

constexpr std::size_t max_known = 16'384;
constexpr auto watch_every = std::chrono::seconds(1);
constexpr std::size_t watch_limit = 256;

bool is_open(const DraftRow& row) { return row.state == "open" || row.state == "locking"; }

// Signatures of `more` that `jws` has not; which key signed is enough to tell them apart.
void merge(crypto::GeneralJws& jws, const crypto::GeneralJws& more) {
    if (jws.payload_text != more.payload_text)
        throw Error(Code::wrong_version, "/payload", "must be the very bytes of the document that is open");
    for (const auto& one : more.signatures) {
        const bool known =
            std::ranges::any_of(jws.signatures, [&](const auto& have) { return have.header.kid == one.header.kid; });
        if (!known) jws.signatures.push_back(one);
    }
    if (jws.signatures.size() > contract::max_parties)
        throw Error(Code::too_large, "/signatures", "a document has at most 256");
}

}  // namespace

Drafts::Drafts(boost::asio::io_context& loop, Journal& journal, Chronicle& chronicle, Lanes& lanes,
               registry::Store& packages, Clock& clock)
    : journal_(journal), chronicle_(chronicle), lanes_(lanes), packages_(packages), clock_(clock), timer_(loop) {}

// --- Looking up.

Drafts::DraftPtr Drafts::find(const Hash256& document) {
    if (const auto known = known_.find(document); known != known_.end()) return known->second;
    auto row = journal_.draft(document);
    if (!row) return nullptr;
    // What is written and not under way may be forgotten.
    if (known_.size() >= max_known)
        journal_.barrier(
            [this] { std::erase_if(known_, [](const auto& one) { return one.second.use_count() == 1; }); });
    return known_[document] = std::make_shared<DraftRow>(std::move(*row));
}

Drafts::DraftPtr Drafts::require_open(const Hash256& document) {
    const DraftPtr draft = find(document);
    if (!draft) throw Error(Code::not_found, "/document", "no such document was proposed here");
    if (draft->state == "open" && draft->kind != DraftKind::amendment && draft->expires < clock_.now())
        throw Error(Code::expired, "/expires", "the offer has lapsed");
    if (draft->state != "open")
        throw Error(Code::not_running, "/document",
                    "is " + draft->state + (draft->reason.empty() ? "" : ": " + draft->reason));
    return draft;
}

Drafts::Document Drafts::parse(DraftKind kind, const json::Value& value) const {
    Document document{.jws = crypto::GeneralJws::parse(value, ""), .version = {}, .agreed = {}};
    if (document.jws.signatures.empty())
        throw Error(Code::missing_field, "/signatures", "must hold at least one signature");
    if (kind == DraftKind::termination) {
        const auto end = contract::Termination::parse(document.jws.payload);
        document.agreed = Agreed{end.binding, end.version, end.expires, contract::termination_typ};
    } else if (kind == DraftKind::resolution) {
        const auto one = contract::Resolution::parse(document.jws.payload);
        document.agreed = Agreed{one.binding, one.version, one.expires, contract::resolution_typ, one.transaction};
    } else {
        document.version = contract::Binding::parse(document.jws.payload);
    }
    return document;
}

contract::Binding Drafts::version_in_force(const Hash256& binding) {
    const BindingState* state = chronicle_.binding(binding);
    if (state == nullptr) throw Error(Code::not_found, "/binding", "no such binding runs here");
    if (state->row.status != "running") throw Error(Code::not_running, "/binding", "is " + state->row.status);
    const auto version = chronicle_.index().version(state->row.local, state->row.number);
    if (!version) throw Error(Code::unavailable, "/binding", "its version is being written; ask again");
    return contract::Binding::parse(
        crypto::GeneralJws::parse(json::parse(text_of(version->jws), "", {.bytes = 2 << 20}), "").payload);
}

std::set<std::string> Drafts::signers_of(const DraftRow& row, const Document& document) {
    if (row.kind == DraftKind::first) return contract::signers(*document.version, document.jws, contract::binding_typ);
    const contract::Binding current = version_in_force(row.binding);
    if (row.kind == DraftKind::amendment) {
        contract::check_successor(current, *document.version);
        return contract::amendment_signers(current, *document.version, document.jws);
    }
    if (document.agreed->binding != current.id) throw Error(Code::bad_format, "/binding", "must be the binding's id");
    if (document.agreed->version != current.hash)
        throw Error(Code::wrong_version, "/version", "the version in force is " + current.hash.text());
    return contract::signers(current, document.jws, document.agreed->typ);
}

std::vector<std::string> Drafts::missing_of(const DraftRow& row, const Document& document,
                                            const std::set<std::string>& signed_by) {
    if (row.kind == DraftKind::first) return contract::missing_for_first(*document.version, signed_by);
    const contract::Binding current = version_in_force(row.binding);
    if (row.kind == DraftKind::amendment) return contract::missing_for_amendment(current, *document.version, signed_by);
    return contract::missing_for_termination(current, signed_by);
}

DraftView Drafts::view_of(const DraftRow& row) {
    DraftView view{.row = row, .signed_by = {}, .missing = {}};
    if (!is_open(row)) return view;
    const Document document = parse(row.kind, json::parse(row.jws, "document", {.bytes = 2 << 20}));
    const std::set<std::string> signed_by = signers_of(row, document);
    view.signed_by.assign(signed_by.begin(), signed_by.end());
    view.missing = missing_of(row, document, signed_by);
    return view;
}

DraftView Drafts::view(const Hash256& document) {
    const DraftPtr draft = find(document);
    if (!draft) throw Error(Code::not_found, "/document", "no such document was proposed here");
    return view_of(*draft);
}

std::vector<DraftView> Drafts::of_binding(const Hash256& binding, std::size_t limit) {
    std::vector<DraftView> out;
    for (const DraftRow& row : journal_.drafts_of(binding, limit)) out.push_back(view_of(*find(row.document)));
    return out;
}

std::vector<DraftRow> Drafts::open(std::string_view tenant, const Hash256& after, std::size_t limit) {
    return journal_.open_drafts(tenant, after, limit);
}

// --- Coming in.

void Drafts::check_first(const Document& document) const {
    const contract::Binding& binding = *document.version;
    if (binding.number != 1)
        throw Error(Code::bad_format, "/version", "must be 1 in a new binding; later versions are amendments");
    if (binding.chain != chain_)
        throw Error(Code::wrong_ledger, "/record/chain", "the record ledger here is " + chain_);
    if (binding.expires < clock_.now()) throw Error(Code::expired, "/expires", "the offer has lapsed");
    if (!packages_.contains(binding.package))
        throw Error(Code::not_found, "/package", "is not on this node; upload it first");
    const contract::Contract contract = packages_.get(binding.package).contract;
    for (const std::string& role : contract.roles)
        if (std::ranges::none_of(binding.parties, [&](const contract::Party& party) { return party.role == role; }))
            throw Error(Code::missing_field, "/parties/" + role, "the contract has this role: a party must fill it");
    contract::check_ledgers(binding, contract);
}

void Drafts::propose(const std::string& tenant, const json::Value& jws, Then<DraftView> then,
                     const std::string& trace) {
    const Document document = parse(DraftKind::first, jws);
    const contract::Binding& binding = *document.version;
    DraftPtr draft = find(binding.hash);
    if (!draft) {
        check_first(document);
        if (chronicle_.binding(binding.id) != nullptr) throw Error(Code::conflict, "/binding", "is locked already");
        contract::signers(binding, document.jws, contract::binding_typ);
        draft = std::make_shared<DraftRow>(DraftRow{.document = binding.hash,
                                                    .tenant = tenant,
                                                    .kind = DraftKind::first,
                                                    .binding = binding.hash,
                                                    .jws = json::canonical(document.jws.to_json()),
                                                    .state = "open",
                                                    .reason = {},
                                                    .decisions = {},
                                                    .expires = binding.expires,
                                                    .created = clock_.now()});
        known_[binding.hash] = draft;
    } else if (!is_open(*draft)) {
        return then(view_of(*draft));
    }
    draft->trace = trace;
    add_signatures(draft, document, std::move(then));
}

void Drafts::amend(const Hash256& binding, const json::Value& jws, Then<DraftView> then, const std::string& trace) {
    const Document document = parse(DraftKind::amendment, jws);
    const contract::Binding& next = *document.version;
    if (next.id != binding) throw Error(Code::bad_format, "/binding", "must be the binding that is amended");
    // What failed may have come while a transaction was open: it may be proposed again.
    if (DraftPtr known = find(next.hash); known && known->state != "failed") {
        if (!is_open(*known)) throw Error(Code::replayed, "/document", "was proposed before and is " + known->state);
        known->trace = trace;
        return add_signatures(known, document, std::move(then));
    }
    if (next.expires < clock_.now()) throw Error(Code::expired, "/expires", "the offer has lapsed");
    if (!packages_.contains(next.package))
        throw Error(Code::not_found, "/package", "is not on this node; upload it first");
    contract::check_ledgers(next, packages_.get(next.package).contract);
    const std::string tenant =
        chronicle_.binding(binding) != nullptr ? chronicle_.binding(binding)->row.tenant : "default";
    auto draft = std::make_shared<DraftRow>(DraftRow{.document = next.hash,
                                                     .tenant = tenant,
                                                     .kind = DraftKind::amendment,
                                                     .binding = binding,
                                                     .jws = json::canonical(document.jws.to_json()),
                                                     .state = "open",
                                                     .reason = {},
                                                     .decisions = {},
                                                     .expires = next.expires,
                                                     .created = clock_.now()});
    if (signers_of(*draft, document).empty())
        throw Error(Code::bad_signature, "/signatures", "a party must have signed");
    draft->trace = trace;
    known_[next.hash] = draft;
    // In the journal first, then in the binding's sequence: nobody proposes what would be forgotten.
    save(draft, [this, draft, then](Outcome<Nothing> saved) {
        if (!saved.ok()) return then(saved.error());
        act(draft, EntryType::propose, draft->jws, [this, draft, then](Outcome<CommitPtr> proposed) {
            if (proposed.ok()) return go_on(draft, then);
            const Error& error = proposed.error();
            end(draft, "failed", error.what(), [then, error](const Outcome<DraftView>&) { then(error); });
        });
    });
}

void Drafts::terminate(const Hash256& binding, const json::Value& jws, Then<DraftView> then, const std::string& trace) {
    agree(DraftKind::termination, binding, jws, std::move(then), trace);
}

void Drafts::resolve(const Hash256& binding, const json::Value& jws, Then<DraftView> then, const std::string& trace) {
    agree(DraftKind::resolution, binding, jws, std::move(then), trace);
}

void Drafts::agree(DraftKind kind, const Hash256& binding, const json::Value& jws, Then<DraftView> then,
                   const std::string& trace) {
    const Document document = parse(kind, jws);
    const Hash256 id = crypto::sha256(document.jws.payload);
    DraftPtr draft = find(id);
    if (!draft) {
        if (document.agreed->binding != binding)
            throw Error(Code::bad_format, "/binding", "must be the binding that the document is about");
        if (document.agreed->expires < clock_.now()) throw Error(Code::expired, "/expires", "the document has lapsed");
        const contract::Binding current = version_in_force(binding);
        const BindingRow& row = chronicle_.binding(binding)->row;
        draft = std::make_shared<DraftRow>(DraftRow{.document = id,
                                                    .tenant = row.tenant,
                                                    .kind = kind,
                                                    .binding = current.id,
                                                    .jws = json::canonical(document.jws.to_json()),
                                                    .state = "open",
                                                    .reason = {},
                                                    .decisions = {},
                                                    .expires = document.agreed->expires,
                                                    .created = clock_.now()});
        signers_of(*draft, document);
        known_[id] = draft;
    }
    draft->trace = trace;
    add_signatures(draft, document, std::move(then));
}

void Drafts::countersign(const Hash256& binding, const json::Value& jws, Then<DraftView> then,
                         const std::string& trace) {
    const auto general = crypto::GeneralJws::parse(jws, "");
    const DraftPtr draft = require_open(crypto::sha256(general.payload));
    if (draft->binding != binding) throw Error(Code::not_found, "/document", "this binding has no such open document");
    draft->trace = trace;
    add_signatures(draft, parse(draft->kind, jws), std::move(then));
}

void Drafts::add_signatures(DraftPtr draft, const Document& document, Then<DraftView> then) {
    if (draft->state == "locking") return then(view_of(*draft));
    require_open(draft->document);
    Document merged = parse(draft->kind, json::parse(draft->jws, "document", {.bytes = 2 << 20}));
    merge(merged.jws, document.jws);
    signers_of(*draft, merged);  // every signature holds, or nothing changes
    draft->jws = json::canonical(merged.jws.to_json());
    save(draft, [this, draft, then = std::move(then)](Outcome<Nothing> saved) {
        saved.ok() ? go_on(draft, then) : then(saved.error());
    });
}

void Drafts::save(const DraftPtr& draft, Then<Nothing> then) {
    if (journal_.full()) return then(Error(Code::busy, "", "the journal's queue is full"));
    journal_.put_draft(*draft, [then = std::move(then)](const std::optional<Error>& error) {
        error ? then(*error) : then(Nothing{});
    });
}

// --- Going into the sequence.

void Drafts::go_on(DraftPtr draft, Then<DraftView> then) {
    process::complete<DraftView>(
        [this, draft, then](Outcome<DraftView> view) {
            if (!view.ok() || draft->state != "open" || !view.get().missing.empty()) return then(std::move(view));
            draft->state = "locking";
            save(draft,
                 [this, draft, then](Outcome<Nothing> saved) { saved.ok() ? lock(draft, then) : then(saved.error()); });
        },
        [&] { return view_of(*draft); });
}

void Drafts::act(DraftPtr draft, EntryType type, std::string input, Then<CommitPtr> then) {
    auto work = std::make_shared<Work>();
    work->type = type;
    work->digest = crypto::sha256(input);
    work->input = std::move(input);
    work->trace = draft->trace;
    if (type == EntryType::bind || type == EntryType::amend) {
        const Document document = parse(draft->kind, json::parse(draft->jws, "document", {.bytes = 2 << 20}));
        work->package = document.version->package;
        if (type == EntryType::bind) work->route = route_of(*document.version);
    } else if (type == EntryType::resolve) {
        // It goes before what the transaction holds.
        work->transaction =
            parse(draft->kind, json::parse(draft->jws, "document", {.bytes = 2 << 20})).agreed->transaction;
    }
    lanes_.submit(draft->binding, std::move(work), std::move(then));
}

void Drafts::lock(DraftPtr draft, Then<DraftView> then) {
    static constexpr std::array types{EntryType::bind, EntryType::amend, EntryType::terminate, EntryType::resolve};
    act(draft, types[static_cast<std::size_t>(draft->kind)], draft->jws, [this, draft, then](Outcome<CommitPtr> done) {
        // Whoever hears that it is locked may amend it at once: its version must be where it is looked up.
        if (done.ok()) return chronicle_.index().barrier([this, draft, then] { end(draft, "locked", "", then); });
        const Error& error = done.error();
        const int status = http_status(error.code());
        const bool waits = error.code() == Code::in_transaction;
        if (waits || status == 503 || status == 504 || status == 429 || status == 507) {
            // Nothing is wrong with the document: whoever asks again, or the next start, locks it.
            draft->state = "open";
            return save(draft, [then, error](const Outcome<Nothing>&) { then(error); });
        }
        log::warning("lock_refused", {{"trace", draft->trace},
                                      {"document", draft->document.text()},
                                      {"code", code_name(error.code())},
                                      {"rule", error.what()}});
        end(draft, "failed", error.what(), [then, error](const Outcome<DraftView>&) { then(error); });
    });
}

void Drafts::end(DraftPtr draft, std::string state, std::string reason, Then<DraftView> then) {
    draft->state = std::move(state);
    draft->reason = std::move(reason);
    save(draft, [this, draft, then = std::move(then)](Outcome<Nothing> saved) {
        if (!saved.ok()) return then(saved.error());
        process::complete<DraftView>(then, [&] { return view_of(*draft); });
    });
}

// --- Decisions and deadlines.

void Drafts::decide(const Hash256& binding, const std::string& text, Then<DraftView> then, const std::string& trace) {
    const crypto::Jws jws = crypto::parse_compact(text, "/decision");
    if (jws.header.typ != contract::decision_typ)
        throw Error(Code::bad_format, "/typ", "must be " + std::string(contract::decision_typ));
    const contract::Decision decision = contract::Decision::parse(jws.payload);
    const DraftPtr draft = require_open(decision.document);
    if (draft->binding != binding) throw Error(Code::not_found, "/document", "this binding has no such open document");
    if (draft->kind == DraftKind::termination || draft->kind == DraftKind::resolution)
        throw Error(Code::action_refused, "/document", "lapses by itself when it is not signed");
    const Document document = parse(draft->kind, json::parse(draft->jws, "document", {.bytes = 2 << 20}));
    const contract::Binding voters = draft->kind == DraftKind::first ? *document.version : version_in_force(binding);
    const contract::Party* party = voters.party(decision.party);
    if (party == nullptr) throw Error(Code::not_a_party, "/party", "must be a party");
    const auto key = std::ranges::find_if(party->keys, [&](const auto& one) { return one.kid() == jws.header.kid; });
    if (key == party->keys.end()) throw Error(Code::not_a_party, "/kid", "must be a key of " + decision.party);
    jws.verify(*key, "/decision");
    if (decision.decision == "withdraw" && !signers_of(*draft, document).contains(decision.party))
        throw Error(Code::action_refused, "/decision", "only who has signed can withdraw; others decline");
    draft->trace = trace;
    if (draft->kind == DraftKind::first) return decide_first(draft, decision, std::move(then));
    if (draft->decisions.find(text) == std::string::npos)
        draft->decisions += (draft->decisions.empty() ? "" : "\n") + text;
    save(draft, [this, draft, then, state = decision.decision == "withdraw" ? "withdrawn" : "declined"](
                    Outcome<Nothing> saved) { saved.ok() ? close(draft, state, then) : then(saved.error()); });
}

// Every party must sign a first version: one who will not ends it.
void Drafts::decide_first(DraftPtr draft, const contract::Decision& decision, Then<DraftView> then) {
    end(draft, decision.decision == "withdraw" ? "withdrawn" : "declined",
        decision.party + (decision.reason.empty() ? "" : ": " + decision.reason), std::move(then));
}

void Drafts::close(DraftPtr draft, const std::string& state, Then<DraftView> then) {
    act(draft, EntryType::close, draft->decisions, [this, draft, state, then](Outcome<CommitPtr> done) {
        if (done.ok()) return end(draft, state, "", then);
        // Enough others can still sign: the decision is kept, and the proposal stays open.
        if (done.error().code() == Code::action_refused)
            return process::complete<DraftView>(then, [&] { return view_of(*draft); });
        then(done.error());
    });
}

void Drafts::start() {
    for (const DraftRow& row : journal_.locking_drafts(watch_limit)) {
        const DraftPtr draft = find(row.document);
        log::info("lock_resumed", {{"document", draft->document.text()}});
        lock(draft, [](const Outcome<DraftView>&) {});
    }
    watch();
}

void Drafts::watch() {
    timer_.expires_after(watch_every);
    timer_.async_wait([this](const boost::system::error_code& error) {
        if (error) return;
        const TimeMs now = clock_.now();
        for (const DraftRow& row : journal_.due_drafts(now, watch_limit)) {
            const DraftPtr draft = find(row.document);
            if (draft->state == "open" && draft->kind != DraftKind::amendment)
                end(draft, "expired", "", [](const Outcome<DraftView>&) {});
        }
        for (const BindingRow& row : chronicle_.index().with_open_proposal(watch_limit)) {
            if (row.deadline >= now) break;  // in order of deadlines
            close_overdue(row);
        }
        watch();
    });
}

void Drafts::close_overdue(const BindingRow& row) {
    const BindingState* state = chronicle_.binding(row.id);
    if (state == nullptr || state->row.proposal != row.proposal || !closing_.insert(row.id).second) return;
    auto work = std::make_shared<Work>();
    work->type = EntryType::close;
    work->digest = crypto::sha256(std::string_view());
    lanes_.submit(row.id, std::move(work), [this, row](Outcome<CommitPtr> done) {
        closing_.erase(row.id);
        if (!done.ok())
            return log::warning("proposal_not_closed", {{"binding", row.id.text()}, {"rule", done.error().what()}});
        if (const DraftPtr draft = find(row.proposal)) end(draft, "expired", "", [](const Outcome<DraftView>&) {});
    });
}

}  // namespace concordat::node
