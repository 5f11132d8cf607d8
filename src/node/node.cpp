#include "node.hpp"

#include <base/log.hpp>
#include <boost/asio/post.hpp>
#include <contract/input.hpp>
#include <crypto/hash.hpp>

#include "own_binding.hpp"

namespace concordat::node {

namespace {

namespace fs = std::filesystem;
constexpr TimeMs max_wait_ms = 20'000;  // for a transaction's end; then the sender hears of it
constexpr int max_failed_starts = 3;    // of a ledger that never became ready

void make_folder(const fs::path& path) {
    std::error_code error;
    fs::create_directories(path, error);
    if (error) throw Error(Code::disk, path.string(), error.message());
    fs::permissions(path, fs::perms::owner_all, error);
}

enclave::PoolOptions pool_options(const NodeOptions& options) {
    enclave::PoolOptions out;
    out.program = options.enclave_program;
    out.attestation = options.data / "attestation";
    out.log_level = options.log_level;
    out.minimum = static_cast<std::size_t>(options.enclaves_minimum);
    out.maximum = static_cast<std::size_t>(options.enclaves_maximum);
    out.maximum_dedicated = static_cast<std::size_t>(options.enclaves_dedicated);
    out.idle_ms = static_cast<int>(options.enclave_idle_seconds * 1000);
    out.ping_timeout_ms = static_cast<int>(options.enclave_ping_timeout_ms);
    return out;
}

enclave::ChannelRelay relay_to(ccl::LedgerClient& ledger) {
    return {.open =
                [&ledger](enclave::ChannelRelay::Events events) {
                    return ledger.open_channel({std::move(events.data), std::move(events.closed)});
                },
            .send = [&ledger](std::uint64_t channel, ByteView bytes) { ledger.channel_data(channel, bytes); },
            .close = [&ledger](std::uint64_t channel) { ledger.close_channel(channel); }};
}

}  // namespace

Node::Node(boost::asio::io_context& loop, NodeOptions options, Clock& clock, Random& random)
    : loop_(loop), options_(std::move(options)), clock_(clock), random_(random), inbox_timer_(loop), stop_timer_(loop) {
    make_folder(options_.data);
    lock_ = lock_folder(options_.data);
    for (const char* part : {"packages", "ledger", "attestation"}) make_folder(options_.data / part);
    packages_ = std::make_unique<registry::Store>(options_.data / "packages");
    journal_ = std::make_unique<Journal>(loop_, options_.data / "node.db");
    index_ = std::make_unique<Index>(loop_, options_.data / "index.db");
    make_first_token();
    ledger_ = std::make_unique<ccl::LedgerClient>(
        loop_,
        ccl::LedgerOptions{.program = options_.ledger_program,
                           .data = options_.data / "ledger",
                           .attestation = options_.data / "attestation",
                           .log_level = options_.log_level},
        ccl::LedgerEvents{.ready = [this](const ccl::IdentityReply& identity) { on_ledger_ready(identity); },
                          .lost = [this](const std::string&) { pool_->restart_all(); },
                          .start_failed = [this](const std::string& why) { on_ledger_failed(why); }});
    chronicle_ = std::make_unique<Chronicle>(
        loop_, *index_, *ledger_, [this](const Hash256& id) { return journal_->tenant_of(id); },
        Chronicle::Options{.max_cached_bytes = static_cast<std::size_t>(options_.cache_megabytes) << 20});
    pool_ = std::make_unique<enclave::EnclavePool>(
        loop_, pool_options(options_), relay_to(*ledger_),
        [this](const std::string& kid, const enclave::HelloReply& hello) {
            chronicle_->enclave_seen(kid, hello.key, hello.evidence);
        },
        // What a lost enclave had appended without being able to say so is read from the ledger.
        [this] { chronicle_->catch_up([](const Outcome<Nothing>&) {}); });
    lanes_ = std::make_unique<Lanes>(static_cast<LaneHost&>(*this), *pool_,
                                     Lanes::Options{.max_queued = static_cast<std::size_t>(options_.binding_queue),
                                                    .max_total = static_cast<std::size_t>(options_.total_queue)});
    drafts_ = std::make_unique<Drafts>(loop_, *journal_, *chronicle_, *lanes_, *packages_, clock_);
    ledgers_ = std::make_unique<Ledgers>(loop_, *journal_);
    ledgers_->serve_own([this](const std::string& chain) { return make_own_binding(loop_, *this, chain); });
    anchors_ = std::make_unique<Anchors>(*journal_, *ledger_, *ledgers_, clock_);
    routing_ = std::make_unique<Routing>(loop_, clock_, *chronicle_, *ledgers_,
                                         static_cast<std::size_t>(options_.routed_transactions));
    transactions_ = std::make_unique<Transactions>(loop_, clock_, *chronicle_, *lanes_, *ledgers_, *routing_,
                                                   transaction::Policy{});
}

Node::~Node() = default;

void Node::make_first_token() {
    if (journal_->token_count() > 0) return;
    const std::string token = create_token(options_.data, "first", "default", clock_, random_);
    write_file_atomic(options_.data / "operator.token", bytes_of(token), 0600);
}

// --- Start and stop.

void Node::start(Then<Nothing> then) {
    started_ = std::move(then);
    ledger_->start();
}

void Node::on_ledger_failed(const std::string& why) {
    if (++failed_starts_ < max_failed_starts || running_) return;
    ledger_->stop([] {});
    if (started_)
        std::exchange(started_,
                      nullptr)(Error(Code::unavailable, "/ledger", "the record ledger does not start: " + why));
}

void Node::on_ledger_ready(const ccl::IdentityReply& identity) {
    failed_starts_ = 0;
    identity_ = identity;
    process::complete<Nothing>(
        [this](const Outcome<Nothing>& parsed) {
            if (!parsed.ok()) return on_caught_up(parsed);
            chronicle_->open(identity_, [this](const Outcome<Nothing>& done) { on_caught_up(done); });
        },
        [&] {
            const ccl::Identity known = ccl::Identity::parse(identity_.identity);
            drafts_->set_chain(known.chain);
            anchors_->set_service_key(known.service_key);
            return Nothing{};
        });
}

void Node::on_caught_up(const Outcome<Nothing>& done) {
    if (!done.ok()) {
        broken_ = done.error();
        log::error(
            "ledger_not_accepted",
            {{"code", code_name(done.error().code())}, {"field", done.error().field()}, {"rule", done.error().rule()}});
        if (started_) std::exchange(started_, nullptr)(done.error());
        return;
    }
    broken_.reset();
    log::info("ledger_ready", {{"entries", chronicle_->watermark()}, {"pid", ledger_->pid()}, {"single_node", true}});
    if (std::exchange(running_, true)) return;
    process::complete<Nothing>(
        [this](const Outcome<Nothing>& started) {
            if (started_) std::exchange(started_, nullptr)(started);
        },
        [this] {
            pool_->start();
            drafts_->start();
            ledgers_->load();
            transactions_->start();
            inbox_waiting_ = journal_->waiting_count();
            run_inbox();
            return Nothing{};
        });
}

bool Node::ready() const { return running_ && !stopping_ && !broken_ && ledger_->ready() && pool_->ready_count() > 0; }

void Node::stop(std::function<void()> then) {
    stopping_ = true;
    inbox_timer_.cancel();
    transactions_->stop();
    lanes_->refuse_waiting(std::numeric_limits<TimeMs>::max(),
                           Error(Code::unavailable, "", "the node is stopping; a transaction is open"), true);
    drain(monotonic_ns() + options_.stop_seconds * 1'000'000'000, [this, then = std::move(then)] {
        pool_->stop();
        ledger_->stop([this, then] {
            index_->finish();
            journal_->finish();
            then();
        });
    });
}

void Node::drain(std::int64_t deadline_ns, std::function<void()> then) {
    if (lanes_->total() == 0 || monotonic_ns() >= deadline_ns) return then();
    stop_timer_.expires_after(std::chrono::milliseconds(10));
    stop_timer_.async_wait(
        [this, deadline_ns, then = std::move(then)](const boost::system::error_code&) { drain(deadline_ns, then); });
}

// --- Messages.

namespace {

// A party's message is not parsed for this: its header says what it is.
bool is_cancelled_call(const std::string& input) {
    const auto header = from_base64url(std::string_view(input).substr(0, std::min<std::size_t>(input.find('.'), 512)));
    if (!header || text_of(*header).find(contract::call_typ) == std::string_view::npos) return false;
    try {
        const contract::Input parsed = contract::Input::parse(input);
        const auto* call = std::get_if<contract::CallInput>(&parsed.content);
        return call != nullptr && call->purpose == ledger::Purpose::cancel;
    } catch (const Error&) {
        return false;  // the enclave says what is wrong with it
    }
}

}  // namespace

std::shared_ptr<Work> Node::work_of(std::string input, std::string trace) const {
    auto work = std::make_shared<Work>();
    work->digest = crypto::sha256(input);
    work->settles = is_cancelled_call(input);
    work->input = std::move(input);
    work->trace = std::move(trace);
    return work;
}

void Node::submit(const Hash256& binding, std::string input, std::string trace, Then<CommitPtr> then, bool patient) {
    if (stopping_ || broken_)
        return then(Error(Code::unavailable, "", stopping_ ? "the node is stopping" : broken_->rule()));
    if (input.size() > static_cast<std::size_t>(options_.message_bytes))
        return then(
            Error(Code::too_large, "", "a message has at most " + std::to_string(options_.message_bytes) + " bytes"));
    if (chronicle_->binding(binding) == nullptr)
        return then(Error(Code::not_found, "/binding", "no such binding runs here"));
    if (chronicle_->full()) return then(Error(Code::busy, "", "the index is behind; try again later"));
    auto work = work_of(std::move(input), std::move(trace));
    work->patient = patient;
    routing_->ready(binding, [this, binding, work, then = std::move(then)] { submit(binding, work, then); });
}

void Node::submit(const Hash256& binding, const std::shared_ptr<Work>& work, Then<CommitPtr> then) {
    if (work->patient || held(binding) != Hold::all) return lanes_->submit(binding, work, std::move(then));
    // It may be the one that opened the transaction: that has its answer, and does not wait for the end.
    const Hash256 digest = work->digest;
    find_input(binding, digest, [this, binding, work, then = std::move(then)](Outcome<CommitPtr> found) {
        if (!found.ok() || found.get() != nullptr) return then(std::move(found));
        lanes_->submit(binding, work, then);
    });
}

enclave::Routes Node::choose(const Hash256& binding, Work& work) {
    work.chosen.clear();
    Routing::Choice choice = routing_->choose(binding);
    work.chosen = std::move(choice.tokens);
    return std::move(choice.routes);
}

void Node::accept(const Hash256& binding, std::string input, std::string trace, Then<Hash256> then) {
    if (stopping_) return then(Error(Code::unavailable, "", "the node is stopping"));
    if (chronicle_->binding(binding) == nullptr)
        return then(Error(Code::not_found, "/binding", "no such binding runs here"));
    if (input.size() > static_cast<std::size_t>(options_.message_bytes))
        return then(
            Error(Code::too_large, "", "a message has at most " + std::to_string(options_.message_bytes) + " bytes"));
    contract::Input::parse(input);  // what can never be run is refused now, not later
    if (inbox_waiting_ >= static_cast<std::size_t>(options_.inbox_limit) || journal_->full())
        return then(Error(Code::busy, "", "the inbox is full; try again later"));
    const Hash256 digest = crypto::sha256(input);
    if (journal_->inbox(binding, digest)) return then(digest);
    ++inbox_waiting_;
    InboxRow row{.digest = digest,
                 .tenant = chronicle_->binding(binding)->row.tenant,
                 .binding = binding,
                 .input = input,
                 .error_code = {},
                 .error_field = {},
                 .error_rule = {},
                 .accepted = clock_.now()};
    journal_->put_inbox(std::move(row), [this, binding, digest, input = std::move(input), trace = std::move(trace),
                                         then = std::move(then)](const std::optional<Error>& error) {
        if (error) {
            --inbox_waiting_;
            return then(*error);
        }
        run_accepted(binding, digest, input, trace);
        then(digest);
    });
}

void Node::run_accepted(const Hash256& binding, const Hash256& digest, const std::string& input,
                        const std::string& trace) {
    if (stopping_ || !inbox_running_.emplace(binding, digest).second) return;
    submit(
        binding, input, trace,
        [this, binding, digest](const Outcome<CommitPtr>& outcome) {
            const int status = outcome.ok() ? 200 : http_status(outcome.error().code());
            const bool in_transaction = !outcome.ok() && outcome.error().code() == Code::in_transaction;
            const bool later = in_transaction || status == 503 || status == 504 || status == 429 || status == 507;
            if (later) {
                inbox_running_.erase({binding, digest});
                return;  // the next look at the inbox tries again
            }
            journal_->finish_inbox(binding, digest, outcome.ok() ? InboxState::done : InboxState::failed,
                                   outcome.ok() ? nullptr : &outcome.error(),
                                   [this, binding, digest](const std::optional<Error>& error) {
                                       inbox_running_.erase({binding, digest});
                                       if (!error) inbox_waiting_ -= inbox_waiting_ > 0 ? 1 : 0;
                                   });
        },
        true);
}

// What was accepted is run in the order in which it came, again after a restart.
void Node::run_inbox() {
    static constexpr std::size_t look_at = 1024;
    lanes_->refuse_waiting(clock_.now() - max_wait_ms,
                           Error(Code::in_transaction, "/binding", "a transaction is open; try again later"));
    if (inbox_waiting_ > 0 && !broken_) {
        // A part at a time, in turn: what cannot go now keeps nobody else from being looked at.
        const std::vector<InboxRow> rows = journal_->waiting_inbox(inbox_after_, look_at);
        for (const InboxRow& row : rows) run_accepted(row.binding, row.digest, row.input, "");
        inbox_after_ = rows.size() < look_at ? 0 : rows.back().ordinal;
    }
    inbox_timer_.expires_after(std::chrono::seconds(1));
    inbox_timer_.async_wait([this](const boost::system::error_code& error) {
        if (!error && !stopping_) run_inbox();
    });
}

void Node::call(const Hash256& binding, const Hash256& key, std::int64_t number, Then<CallState> then) {
    index_->barrier([this, binding, key, number, then = std::move(then)] {
        const BindingState* state = chronicle_->binding(binding);
        if (state == nullptr) return then(Error(Code::not_found, "/binding", "no such binding runs here"));
        const auto made = index_->by_call(state->row.local, key, number);
        if (!made) return then(CallState{});
        if (made->type != contract::EntryType::prepare)
            return then(CallState{CallState::Status::settled, made->sequence});
        const auto transaction = index_->transaction(made->entry);
        const auto outcome =
            transaction && transaction->outcome != 0 ? index_->entry_at(transaction->outcome) : std::nullopt;
        if (outcome) return then(CallState{CallState::Status::settled, outcome->sequence});
        // One whose state holds from the first has happened.
        chronicle_->find(*made, [then](Outcome<CommitPtr> commit) {
            process::complete<CallState>(then, [&] {
                const contract::Entry entry = contract::Entry::parse(commit.get()->document);
                const bool holds = entry.early || entry.decision == "commit";
                return CallState{holds ? CallState::Status::settled : CallState::Status::pending,
                                 static_cast<std::uint64_t>(entry.sequence)};
            });
        });
    });
}

void Node::status(const Hash256& digest, const std::optional<Hash256>& binding, Then<MessageStatus> then) {
    index_->barrier([this, digest, binding, then = std::move(then)] {
        const BindingState* state = binding ? chronicle_->binding(*binding) : nullptr;
        const auto row = state != nullptr ? index_->by_input(state->row.local, digest) : index_->by_input(digest);
        if (row)
            return chronicle_->find(*row, [then](Outcome<CommitPtr> commit) {
                process::complete<MessageStatus>(then, [&] {
                    CommitPtr found = commit.get();
                    const Hash256 id = found->entry.binding;
                    return MessageStatus{MessageStatus::State::done, std::move(found), id, {}};
                });
            });
        const auto waiting = binding ? journal_->inbox(*binding, digest) : journal_->inbox(digest);
        if (!waiting) return then(Error(Code::not_found, "/digest", "no such message was accepted here"));
        if (waiting->state != InboxState::failed)
            return then(MessageStatus{MessageStatus::State::waiting, nullptr, waiting->binding, {}});
        then(MessageStatus{MessageStatus::State::failed, nullptr, waiting->binding,
                           Error(code_from_name(waiting->error_code), waiting->error_field, waiting->error_rule)});
    });
}

// --- Operator tokens.

bool Node::operator_allowed(std::string_view bearer) {
    if (bearer.empty() || bearer.size() > 256) return false;
    const Hash256 hash = crypto::sha256(bearer);
    const auto known = tokens_.find(hash);
    if (known != tokens_.end() && known->second > monotonic_ns()) return true;
    if (!journal_->token(hash)) return false;
    if (tokens_.size() > 1024) tokens_.clear();
    tokens_[hash] = monotonic_ns() + 60'000'000'000;
    return true;
}

std::string create_token(const fs::path& data, const std::string& name, const std::string& tenant, Clock& clock,
                         Random& random) {
    std::array<std::uint8_t, 32> bytes{};
    random.fill(bytes);
    const std::string token = "cct_" + to_base64url(bytes);
    boost::asio::io_context loop;
    Journal journal(loop, data / "node.db");
    journal.put_token({.hash = crypto::sha256(token), .name = name, .tenant = tenant, .created = clock.now()});
    return token;
}

void drop_index(const fs::path& data) {
    const UniqueFd lock = lock_folder(data);
    for (const char* file : {"index.db", "index.db-wal", "index.db-shm"}) {
        std::error_code error;
        fs::remove(data / file, error);
        if (error) throw Error(Code::disk, (data / file).string(), error.message());
    }
}

}  // namespace concordat::node
