#include "private_form.hpp"

#include <algorithm>
#include <contract/names.hpp>
#include <contract/sealing.hpp>
#include <crypto/hash.hpp>
#include <limits>

namespace concordat::enclave {

namespace {

// Format 1 had no transactions, no expiry of proposals and closed ones, nor on whose account these are.
constexpr std::uint8_t private_format_1 = 1;
constexpr TimeMs no_expiry = std::numeric_limits<TimeMs>::max();

void collect_audiences(const schema::Schema& schema, std::set<std::string>& out) {
    for (const schema::ConfidentialField& field : schema.confidential()) out.insert(field.audience);
}

}  // namespace

LoadedPackage::LoadedPackage(contract::Package&& package, const runtime::Engine& engine)
    : id(package.id()), contract(std::move(package.contract)), logic(engine.compile(package.module)) {
    collect_audiences(contract.state, audiences);
    collect_audiences(contract.terms, audiences);
    for (const auto& [name, action] : contract.actions) {
        collect_audiences(action.message, audiences);
        if (action.result) collect_audiences(*action.result, audiences);
    }
}

Keychain::Keychain(SecretKey&& binding_key)
    : binding_(std::move(binding_key)),
      state_(contract::state_key(binding_)),
      salt_(crypto::derive_key(binding_.expose(), {bytes_of("salt")})),
      seed_(crypto::derive_key(binding_.expose(), {bytes_of("seed")})) {}

void Keychain::use_version(const Hash256& version, const std::set<std::string>& audiences) {
    audiences_.clear();
    for (const std::string& audience : audiences) {
        audiences_.emplace(audience, contract::audience_key(binding_, version, audience));
    }
}

const SecretKey& Keychain::audience(std::string_view name) const {
    const auto found = audiences_.find(name);
    if (found == audiences_.end()) panic("an audience without a key");
    return found->second;
}

Hash256 Keychain::seed(std::uint64_t sequence, const Hash256& input) const {
    wire::Writer number;
    number.u64(sequence);
    return crypto::hmac_sha256(seed_.expose(), {number.get(), input.view()});
}

Bytes private_aad(const Hash256& binding, std::int64_t sequence) {
    wire::Writer out;
    out.raw(bytes_of("concordat/private/1"));
    out.hash(binding);
    out.u64(static_cast<std::uint64_t>(sequence));
    return out.take();
}

Bytes write_private(const Head& head) {
    wire::Writer out;
    const TransactionsForm transactions(head);
    // One buffer, which the caller wipes.
    out.reserve(512 + head.state->text.size() + head.terms->size() + size_of(head.state->salts) +
                72 * head.senders.size() + 128 * head.closed.size() + transactions.size());
    out.u8(private_format);
    out.hash(head.version);
    out.text(head.state->text);
    out.text(*head.terms);
    write_salts(out, head.state->salts);
    out.u32(static_cast<std::uint32_t>(head.senders.size()));
    for (const auto& [key, last] : head.senders) {
        out.hash(key);
        out.u64(static_cast<std::uint64_t>(last.number));
        out.hash(last.input);
    }
    out.u8(head.proposal ? 1 : 0);
    if (head.proposal) {
        out.hash(head.proposal->version);
        out.u64(static_cast<std::uint64_t>(head.proposal->deadline));
        out.u8(head.proposal->pause ? 1 : 0);
        out.u32(static_cast<std::uint32_t>(head.proposal->proposers.size()));
        for (const std::string& id : head.proposal->proposers) out.text(id);
        out.text(head.proposal->own);
        out.u64(static_cast<std::uint64_t>(head.proposal->expires));
    }
    out.u32(static_cast<std::uint32_t>(head.closed.size()));
    for (const ClosedProposal& closed : head.closed) {
        out.hash(closed.version);
        out.u64(static_cast<std::uint64_t>(closed.expires));
        out.text(closed.account);
    }
    out.u8(head.terminated ? 1 : 0);
    out.u8(head.disputed ? 1 : 0);
    transactions.write(out);
    return out.take();
}

Head read_private(ByteView plaintext) {
    wire::Reader in(plaintext);
    const std::uint8_t format = in.u8();
    if (format == 0 || format > private_format) {
        throw Error(Code::bad_format, "/private", "private state has a known format");
    }
    Head head;
    head.version = in.hash();
    State state{.text = in.text()};
    head.terms = std::make_shared<const std::string>(in.text());
    state.salts = read_salts(in);
    for (std::uint32_t left = in.count(65536); left > 0; --left) {
        const Hash256 key = in.hash();
        LastNumber last;
        last.number = static_cast<std::int64_t>(in.u64());
        last.input = in.hash();
        head.senders.emplace(key, last);
    }
    if (in.u8() != 0) {
        Proposal proposal;
        proposal.version = in.hash();
        proposal.deadline = static_cast<TimeMs>(in.u64());
        proposal.pause = in.u8() != 0;
        for (std::uint32_t left = in.count(contract::max_parties); left > 0; --left)
            proposal.proposers.insert(in.text());
        proposal.own = in.text();
        proposal.expires = format > private_format_1 ? static_cast<TimeMs>(in.u64()) : no_expiry;
        head.proposal = proposal;
    }
    for (std::uint32_t left = in.count(max_closed_proposals); left > 0; --left) {
        ClosedProposal closed{in.hash(), no_expiry, {}};
        if (format > private_format_1) {
            closed.expires = static_cast<TimeMs>(in.u64());
            closed.account = in.text();
        }
        head.closed.push_back(std::move(closed));
    }
    head.terminated = in.u8() != 0;
    if (format > private_format_1) {
        head.disputed = in.u8() != 0;
        read_transactions(in, format, head);
    }
    in.finish();
    state.plain = json::parse(state.text, "/state").as_object();
    head.state = std::make_shared<const State>(std::move(state));
    return head;
}

Head Head::next() const {
    Head out;
    out.sequence = sequence + 1;
    out.version = version;
    out.terms = terms;
    out.senders = senders;
    out.proposal = proposal;
    out.closed = closed;
    out.terminated = terminated;
    out.transactions = transactions;
    out.ended = ended;
    out.disputed = disputed;
    out.costs = costs;
    return out;
}

const Transaction* Head::open() const {
    const auto found = std::ranges::find_if(transactions, [](const Transaction& one) { return !one.ended(); });
    return found == transactions.end() ? nullptr : &*found;
}

SharedState state_of(json::Object&& plain, std::map<std::string, Salt>&& salts, const json::Object& redacted) {
    auto out = std::make_shared<State>();
    out->text = json::canonical(plain);
    out->salts = std::move(salts);
    out->plain = std::move(plain);
    out->redacted = json::canonical(redacted);
    out->root = contract::state_root(redacted);
    return out;
}

Steps::Steps(std::vector<contract::Step> list) {
    std::string text = "[";
    for (const contract::Step& step : list) {
        if (text.size() > 1) text += ',';
        text += step.text();
    }
    text += ']';
    list.shrink_to_fit();  // many wait for a long time
    text.shrink_to_fit();
    shared_ = std::make_shared<const Shared>(std::move(list), std::move(text));
}

const std::shared_ptr<const Steps::Shared>& Steps::none() {
    static const auto shared = std::make_shared<const Shared>(std::vector<contract::Step>(), "[]");
    return shared;
}

void Head::keep_ended() {
    for (auto one = transactions.begin(); one != transactions.end();) {
        if (!one->ended()) {
            ++one;
            continue;
        }
        ended.push_back(EndedTransaction::of(*one));
        one = transactions.erase(one);
    }
}

void Head::forget_ended() {
    const auto ordinary = [&] { return std::ranges::count(ended, false, &EndedTransaction::early); };
    const auto size_of = [](const EndedTransaction& one) { return one.whole ? one.whole->size() : 0; };
    std::size_t bytes = 0;
    for (const EndedTransaction& one : ended) bytes += size_of(one);
    for (auto one = ended.begin(); one != ended.end();) {
        const bool goes = (!one->early && ordinary() > static_cast<std::ptrdiff_t>(kept_transactions)) ||
                          ended.size() > kept_early_transactions ||
                          (ended.size() > kept_transactions && bytes > max_transactions_bytes);
        if (!goes) {
            ++one;
            continue;
        }
        bytes -= size_of(*one);
        one = ended.erase(one);
    }
}

void Head::leave_ended(const contract::Entry& entry) {
    for (EndedTransaction& one : ended) {
        if (!one.whole) continue;
        one.sequence = entry.sequence;
        one.private_state = entry.private_state;
        if (!one.disputed) one.whole.reset();
    }
}

std::size_t Head::open_count() const {
    return static_cast<std::size_t>(
        std::ranges::count_if(transactions, [](const Transaction& one) { return !one.ended(); }));
}

bool Context::knows(const Hash256& entry_id) const { return std::ranges::find(recent, entry_id) != recent.end(); }

void Context::advance(Head&& next) {
    head = std::move(next);
    recent.push_back(head.id);
    if (recent.size() > recent_entries) recent.pop_front();
}

Head open_private(ByteView sealed, const Hash256& binding, std::int64_t sequence, const Keychain& keys,
                  const std::string& field) {
    wire::Reader in(sealed);
    contract::Sealed box;
    box.iv = in.hash();
    box.ciphertext = to_bytes(in.raw(in.left()));
    return read_private(contract::open(keys.state(), private_aad(binding, sequence), box, field).expose());
}

Head open_head(const contract::EntryRecord& record, const Hash256& binding, const Keychain& keys) {
    const contract::Entry entry = record.check();
    if (entry.binding != binding) throw Error(Code::bad_format, "/head/binding", "the head is of another binding");
    Head head = open_private(record.private_state, binding, entry.sequence, keys, "/head/private");
    head.sequence = entry.sequence;
    head.id = entry.id(record.document);
    head.time = entry.time;
    if (!head.transactions.empty() && head.transactions.back().id.is_zero()) head.transactions.back().id = head.id;
    if (head.version != entry.version) {
        throw Error(Code::wrong_version, "/head/version", "the version in force is " + head.version.text());
    }
    head.leave_ended(entry);
    const bool brings_version = entry.type == contract::EntryType::bind || entry.type == contract::EntryType::amend;
    if (!brings_version || entry.cost_terms) head.costs = entry.costs;
    State state = *head.state;
    state.root = entry.state_after;
    state.redacted = std::string(text_of(record.state));
    head.state = std::make_shared<const State>(std::move(state));
    return head;
}

}  // namespace concordat::enclave
