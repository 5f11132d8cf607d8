#include "chronicle.hpp"

#include <algorithm>
#include <base/log.hpp>
#include <boost/asio/post.hpp>
#include <contract/names.hpp>
#include <crypto/hash.hpp>

namespace concordat::node {

namespace {
constexpr std::uint32_t read_limit = 4096;
constexpr std::uint64_t read_together = 256;  // memory for more at a time would not be given back
constexpr std::uint64_t neighbours = 16;      // entries that are read in passing rather than left out
constexpr int max_catch_up_attempts = 50;     // with retry_delay between them: the ledger may be starting again
constexpr auto retry_delay = std::chrono::milliseconds(200);
constexpr auto failed_write_delay = std::chrono::seconds(1);
}  // namespace

namespace {

// The slots of an account are given out in order: two enclaves that both do it would get in each other's way.
Hash256 group_of(const contract::Binding& binding) {
    const contract::LedgerTarget* shared = nullptr;
    for (const auto& [name, place] : binding.ledgers) {
        for (const contract::LedgerTarget& one : place.candidates) {
            if (shared == nullptr && one.owner) shared = &one;
        }
    }
    if (shared == nullptr || binding.dedicated) return binding.id;
    const contract::LedgerTarget& target = *shared;
    return crypto::sha256("account\n" + target.chain + "\n" + target.account + "\n" + target.owner->text() + "\n" +
                          json::canonical(binding.enclaves_json));
}

}  // namespace

enclave::Route route_of(const contract::Binding& binding) { return {group_of(binding), binding.dedicated}; }

bool is_of_transaction(contract::EntryType type) {
    using enum contract::EntryType;
    return type == prepare || type == cancelling || type == step || type == outcome || type == disputed ||
           type == resolve;
}

Commit::Commit(Bytes committed) : raw(std::move(committed)) {
    wire::Reader in(raw);
    for (ByteView* part : {&document, &input, &state, &disclosures, &private_state}) *part = in.bytes();
    kid = ccl::Claim::read(in).kid;
    index = ccl::LedgerReceipt::read(in).index;
    in.finish();
    entry = EntryView::scan(document);
}

Chronicle::Chronicle(boost::asio::io_context& loop, Index& index, ccl::Ledger& ledger,
                     std::function<std::string(const Hash256&)> tenant_of, Options options)
    : loop_(loop),
      index_(index),
      ledger_(ledger),
      tenant_of_(std::move(tenant_of)),
      options_(options),
      watermark_(index.stored_watermark()),
      last_local_(index.last_local()),
      retry_(loop),
      again_(loop) {
    // What could not be written is read from the ledger again: the watermark goes back to what is on the disk.
    index_.on_failure([this](const Error&) {
        watermark_ = std::min(watermark_, index_.stored_watermark());
        index_.set_watermark(watermark_);
        ahead_.clear();
        again_.expires_after(failed_write_delay);
        again_.async_wait([this](const boost::system::error_code& error) {
            if (error) return;
            for (const auto& [kid, row] : known_enclaves_) index_.stage(row);
            catch_up([](const Outcome<Nothing>&) {});
        });
    });
}

void Chronicle::open(const ccl::IdentityReply& identity, Then<Nothing> then) {
    const std::string chain = ccl::Identity::parse(identity.identity).chain;
    const std::string known = index_.chain();
    if (!known.empty() && known != chain)
        return then(Error(Code::rolled_back, "/ledger/chain",
                          "the index was made from " + known + ", this ledger is " + chain));
    const std::uint64_t seen = std::max(watermark_, index_.seen());
    if (identity.size < seen)
        return then(Error(Code::rolled_back, "/ledger/size",
                          "the ledger holds " + std::to_string(identity.size) + " entries, the index has seen " +
                              std::to_string(seen)));
    if (known.empty()) index_.set_chain(chain);
    check_last_entry(identity.size, seen, [this, then = std::move(then)](Outcome<Nothing> same) {
        if (!same.ok()) return then(same.error());
        catch_up(then);
    });
}

// A ledger that was rolled back and went on from there is longer, but its entries are others.
void Chronicle::check_last_entry(std::uint64_t size, std::uint64_t seen, Then<Nothing> then) {
    if (seen == 0 || size < seen) return then(Nothing{});
    const auto row = index_.entry_at(seen - 1);
    if (!row) return then(Error(Code::tampered, "/index", "its last entry is missing: run reindex"));
    ledger_.read(seen - 1, 1, [row, then = std::move(then)](Outcome<ccl::ReadReply> reply) {
        process::complete<Nothing>(then, [&] {
            const ccl::ReadReply& read = reply.get();
            if (read.entries.empty() || EntryView::scan(read.entries[0].record.document).id != row->entry)
                throw Error(Code::rolled_back, "/ledger/entries",
                            "entry " + std::to_string(row->index) + " is not the one that the index has seen");
            return Nothing{};
        });
    });
}

void Chronicle::catch_up(Then<Nothing> then) {
    if (catching_up_) {
        catch_up_next_.push_back(std::move(then));
        return;
    }
    catch_up_now_.push_back(std::move(then));
    catching_up_ = true;
    catch_up_attempts_ = 0;
    read_more();
}

void Chronicle::read_more() {
    ledger_.read(watermark_, read_limit, [this](Outcome<ccl::ReadReply> reply) { on_read(std::move(reply)); });
}

void Chronicle::on_read(Outcome<ccl::ReadReply> reply) {
    if (!reply.ok()) {
        if (++catch_up_attempts_ >= max_catch_up_attempts) return finish_catch_up(reply.error());
        retry_.expires_after(retry_delay);
        return retry_.async_wait([this](const boost::system::error_code& error) {
            if (!error) read_more();
        });
    }
    try {
        ccl::ReadReply& read = reply.get();
        for (const auto& one : read.enclaves)
            enclave_seen(crypto::PublicKey::from_jwk(json::parse(one.key, "enclave key"), "/key").kid(), one.key,
                         one.evidence);
        for (auto& one : read.entries)
            take(enclave::encode(
                enclave::Committed{std::move(one.record), std::move(one.claim), std::move(one.receipt)}));
        const bool more = !read.entries.empty() && watermark_ < read.size;
        // Reading on waits until what was read is written: memory stays bounded however long the log is.
        if (more) return index_.barrier([this] { read_more(); });
        finish_catch_up(std::nullopt);
    } catch (const Error& error) {
        finish_catch_up(error);
    }
}

void Chronicle::finish_catch_up(const std::optional<Error>& error) {
    catching_up_ = false;
    const auto now = std::exchange(catch_up_now_, {});
    const auto next = std::exchange(catch_up_next_, {});
    for (const auto& then : next) catch_up(then);
    for (const auto& then : now) error ? then(*error) : then(Nothing{});
}

void Chronicle::enclave_seen(const std::string& kid, const std::string& key, const std::string& evidence) {
    const auto [known, is_new] = known_enclaves_.try_emplace(kid, EnclaveRow{kid, key, evidence});
    if (is_new) index_.stage(known->second);
}

CommitPtr Chronicle::take(Bytes committed) {
    auto commit = std::make_shared<const Commit>(std::move(committed));
    take(commit);
    return commit;
}

void Chronicle::take(const CommitPtr& commit) {
    if (commit->index < watermark_ || ahead_.contains(commit->index)) return;  // announced by both, enclave and ledger
    BindingState& state = state_of(*commit);
    const EntryView& entry = commit->entry;
    EntryRow row{commit->index, state.row.local, entry.sequence, entry.type, entry.id, entry.input};
    std::optional<contract::Entry> parsed;
    if (entry.type != contract::EntryType::execute) {
        parsed = contract::Entry::parse(commit->document);
        take_structural(state, *commit, *parsed);
    }
    if (!state.head || state.head->sequence < row.sequence) state.head = row;
    index_.stage(row);
    const bool runs = entry.type == contract::EntryType::execute || entry.type == contract::EntryType::prepare;
    if (runs && !entry.fate.empty()) {
        index_.stage(CallRow{row.binding, contract::thumbprint_of(entry.sender_key, "/sender/key"), entry.number,
                             commit->index});
    }
    cache(commit);
    advance(commit->index);
    if (transaction_ && is_of_transaction(entry.type)) transaction_(commit, *parsed);
}

BindingState& Chronicle::state_of(const Commit& commit) {
    if (BindingState* known = load(commit.entry.binding)) return *known;
    BindingState state;
    state.row.local = ++last_local_;
    state.row.id = commit.entry.binding;
    state.row.tenant = tenant_of_(commit.entry.binding);
    state.row.status = "running";
    if (bindings_.size() >= options_.max_bindings) forget_old_bindings();
    return bindings_.emplace(commit.entry.binding, std::pair(std::move(state), ++turn_)).first->second.first;
}

void Chronicle::take_structural(BindingState& state, const Commit& commit, const contract::Entry& entry) {
    BindingRow& row = state.row;
    using enum contract::EntryType;
    if (entry.type == bind || entry.type == amend) {
        take_version(state, commit, entry);
    } else if (entry.type == propose) {
        row.proposal = entry.proposal.value_or(Hash256{});
        row.deadline = entry.deadline;
    } else if (entry.type == close) {
        row.proposal = {};
        row.deadline = 0;
    } else if (entry.type == terminate) {
        row.status = "terminated";
        row.proposal = {};
    } else {
        take_transaction(state, commit, entry);
    }
    index_.stage(row);
}

void Chronicle::take_transaction(BindingState& state, const Commit& commit, const contract::Entry& entry) {
    using enum contract::EntryType;
    TransactionRow row{.id = entry.transaction.value_or(commit.entry.id),
                       .binding = state.row.local,
                       .prepare = entry.type == prepare ? commit.index : 0,
                       .last = commit.index,
                       .outcome = entry.type == outcome ? commit.index : 0,
                       .changed = entry.time,
                       .cancelling = entry.type == cancelling,
                       .disputed = entry.type == disputed,
                       .ending = entry.ending};
    // An entry may be taken again after a crash: what is held then must come out the same.
    const bool holds_state = entry.early || entry.decision == "commit";
    if (entry.type == prepare && !holds_state) state.row.transaction = row.id;
    if ((entry.type == prepare || entry.type == step) && holds_state) state.row.free_open.insert(row.id);
    if (entry.type == outcome) state.row.free_open.erase(row.id);
    const bool lets_go = entry.type == outcome || (entry.type == step && holds_state);
    if (lets_go && state.row.transaction == row.id) state.row.transaction = {};
    index_.stage(std::move(row));
}

void Chronicle::take_version(BindingState& state, const Commit& commit, const contract::Entry& entry) {
    const auto jws = crypto::GeneralJws::parse(
        json::parse(text_of(commit.input), "binding", {.bytes = 2 * contract::max_binding_bytes}), "");
    const contract::Binding binding = contract::Binding::parse(jws.payload);
    BindingRow& row = state.row;
    if (entry.type == contract::EntryType::bind) row.created = entry.time;
    row.number = binding.number;
    row.version = binding.hash;
    row.package = binding.package;
    const enclave::Route route = route_of(binding);
    row.dedicated = route.dedicated;
    row.group = route.group;
    row.proposal = {};
    row.deadline = 0;
    index_.stage(
        VersionRow{row.local, binding.number, binding.hash, binding.package, commit.index, to_bytes(commit.input)});
}

void Chronicle::advance(std::uint64_t index) {
    ahead_.insert(index);
    while (!ahead_.empty() && *ahead_.begin() == watermark_) {
        ahead_.erase(ahead_.begin());
        ++watermark_;
    }
    index_.set_watermark(watermark_);
    if (subscribers_.empty() || std::exchange(notify_posted_, true)) return;
    boost::asio::post(loop_, [this] {
        notify_posted_ = false;
        const auto calls = subscribers_;  // one of them may unsubscribe
        for (const auto& [number, call] : calls)
            if (subscribers_.contains(number)) call();
    });
}

std::uint64_t Chronicle::subscribe(std::function<void()> call) {
    subscribers_[next_subscriber_] = std::move(call);
    return next_subscriber_++;
}

void Chronicle::cache(const CommitPtr& commit) {
    if (!cached_.emplace(commit->index, commit).second) return;
    cached_order_.push_back(commit->index);
    cached_bytes_ += commit->raw.size();
    while (cached_bytes_ > options_.max_cached_bytes && cached_order_.size() > 1) {
        const auto oldest = cached_.find(cached_order_.front());
        cached_bytes_ -= oldest->second->raw.size();
        cached_.erase(oldest);
        cached_order_.pop_front();
    }
}

BindingState* Chronicle::load(const Hash256& id) {
    if (const auto known = bindings_.find(id); known != bindings_.end()) {
        known->second.second = ++turn_;
        return &known->second.first;
    }
    auto row = index_.binding(id);
    if (!row) return nullptr;
    if (bindings_.size() >= options_.max_bindings) forget_old_bindings();
    return &bindings_.emplace(id, std::pair(BindingState{std::move(*row), std::nullopt}, ++turn_)).first->second.first;
}

// A binding may be forgotten once all that is known of it is written.
void Chronicle::forget_old_bindings() {
    if (std::exchange(forgetting_, true)) return;
    const std::uint64_t keep_from = turn_ > options_.max_bindings / 2 ? turn_ - options_.max_bindings / 2 : 0;
    index_.barrier([this, keep_from] {
        boost::asio::post(loop_, [this, keep_from] {
            forgetting_ = false;
            std::erase_if(bindings_, [keep_from](const auto& one) { return one.second.second < keep_from; });
        });
    });
}

const BindingState* Chronicle::binding(const Hash256& id) { return load(id); }

const EntryRow* Chronicle::head(const Hash256& binding) {
    BindingState* state = load(binding);
    if (state == nullptr) return nullptr;
    if (!state->head) state->head = index_.last_entry(state->row.local);
    return state->head ? &*state->head : nullptr;
}

void Chronicle::find(const EntryRow& row, Then<CommitPtr> then) {
    if (const auto known = cached_.find(row.index); known != cached_.end()) return then(known->second);
    ledger_.read(row.index, 1, [this, row, then = std::move(then)](Outcome<ccl::ReadReply> reply) {
        process::complete<CommitPtr>(then, [&] {
            ccl::ReadReply& read = reply.get();
            if (read.entries.empty())
                throw Error(Code::rolled_back, "/ledger", "an entry that the index has seen is missing");
            auto& one = read.entries[0];
            auto commit = std::make_shared<const Commit>(enclave::encode(
                enclave::Committed{std::move(one.record), std::move(one.claim), std::move(one.receipt)}));
            if (commit->entry.id != row.entry)
                throw Error(Code::rolled_back, "/ledger", "an entry is not the one that the index has seen");
            cache(commit);
            return CommitPtr(commit);
        });
    });
}

struct Chronicle::Search {
    std::vector<EntryRow> rows;
    std::vector<CommitPtr> found;  // of the first rows
    Then<std::vector<CommitPtr>> then;
};

void Chronicle::find_all(std::vector<EntryRow> rows, Then<std::vector<CommitPtr>> then) {
    go_on(std::make_shared<Search>(Search{std::move(rows), {}, std::move(then)}));
}

void Chronicle::go_on(const std::shared_ptr<Search>& search) {
    const std::vector<EntryRow>& rows = search->rows;
    std::size_t at = search->found.size();
    for (; at < rows.size() && cached_.contains(rows[at].index); ++at) {
        search->found.push_back(cached_.at(rows[at].index));
    }
    if (at == rows.size()) return search->then(std::move(search->found));
    std::size_t last = at;
    while (last + 1 < rows.size() && rows[last + 1].index - rows[last].index <= neighbours) ++last;
    const std::uint64_t count = std::min<std::uint64_t>(rows[last].index - rows[at].index + 1, read_together);
    ledger_.read(rows[at].index, static_cast<std::uint32_t>(count), [this, search](Outcome<ccl::ReadReply> reply) {
        if (!reply.ok()) return search->then(reply.error());
        try {
            take_found(*search, reply.get());
        } catch (const Error& error) {
            return search->then(error);
        }
        go_on(search);
    });
}

// The first of those that are missing, at least: the ledger gives as many as fit.
void Chronicle::take_found(Search& search, ccl::ReadReply& reply) {
    const std::size_t before = search.found.size();
    for (auto& one : reply.entries) {
        if (search.found.size() == search.rows.size()) break;
        const EntryRow& row = search.rows[search.found.size()];
        if (one.receipt.index != row.index) continue;
        auto commit = std::make_shared<const Commit>(
            enclave::encode(enclave::Committed{std::move(one.record), std::move(one.claim), std::move(one.receipt)}));
        if (commit->entry.id != row.entry)
            throw Error(Code::rolled_back, "/ledger", "an entry is not the one that the index has seen");
        search.found.push_back(std::move(commit));
    }
    if (search.found.size() == before)
        throw Error(Code::rolled_back, "/ledger", "an entry that the index has seen is missing");
}

void Chronicle::find_input(const Hash256& binding, const Hash256& input, Then<CommitPtr> then) {
    index_.barrier([this, binding, input, then = std::move(then)] {
        const BindingState* state = load(binding);
        const auto row = state == nullptr ? std::nullopt : index_.by_input(state->row.local, input);
        row ? find(*row, then) : then(CommitPtr());
    });
}

void Chronicle::find_entry(const Hash256& binding, std::uint64_t sequence, Then<CommitPtr> then) {
    index_.barrier([this, binding, sequence, then = std::move(then)] {
        const BindingState* state = load(binding);
        const auto row = state == nullptr ? std::nullopt : index_.entry(state->row.local, sequence);
        row ? find(*row, then) : then(Error(Code::not_found, "/sequence", "this binding has no such entry"));
    });
}

}  // namespace concordat::node
