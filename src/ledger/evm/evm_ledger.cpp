#include "evm_ledger.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "operations.hpp"

namespace concordat::ledger::evm {

namespace asio = boost::asio;
using asio::awaitable;
using std::chrono::steady_clock;

namespace {

constexpr std::size_t max_endpoints = 16;

EvmOptions checked(EvmOptions options) {
    const auto refuse = [](const char* field, const char* rule) { throw Error(Code::config, field, rule); };
    if (options.chain_id == 0) refuse("/chain_id", "must be given");
    if (options.endpoints.empty() || options.endpoints.size() > max_endpoints) {
        refuse("/endpoints", "must be from 1 to 16");
    }
    if (options.limits.connections == 0) refuse("/limits/connections", "must be at least 1");
    return options;
}

}  // namespace

struct EvmLedger::Impl : std::enable_shared_from_this<EvmLedger::Impl> {
    struct Source {
        template <class... Arguments>
        explicit Source(Arguments&&... arguments) : endpoint(std::forward<Arguments>(arguments)...) {}
        Endpoint endpoint;
        Follower follower{endpoint};
        void failed(Code code, std::string problem) {
            endpoint.failed(code, std::move(problem));
            follower.reset();
        }
    };

    Impl(asio::io_context& context, EvmOptions given)
        : io(context),
          options(checked(std::move(given))),
          operations(context.get_executor(), options.max_operations, options.max_waiting) {
        identity->chain_id = options.chain_id;
        identity->genesis = options.genesis;
        const bool tls = std::ranges::any_of(options.endpoints,
                                             [](const std::string& url) { return Url::parse(url, "/endpoints").tls; });
        const Trust trust = make_trust(tls, options.ca);
        for (const std::string& url : options.endpoints) {
            sources.push_back(std::make_unique<Source>(io, url, trust, options.limits, identity));
            Source& source = *sources.back();
            source.endpoint.announced = [this, &source] {
                source.follower.announced();
                tell();
            };
        }
    }

    // Many blocks at once are told once.
    void tell() {
        if (std::exchange(telling, true)) return;
        asio::post(io, [self = shared_from_this()] {
            self->telling = false;
            if (!self->closed && self->changed) self->changed();
        });
    }

    SearchLimits search() const { return {.scan_blocks = options.scan_blocks}; }

    // Answers once, later, with what `work` makes of some endpoint; else T{} says that nothing is known.
    template <class T, class Work>
    void run(Then<T> then, Work work) {
        asio::co_spawn(io, attempt<T, Work>(shared_from_this(), std::move(then), std::move(work)), asio::detached);
    }

    template <class T>
    void answer(T value, Then<T> then) {
        asio::post(io, [self = shared_from_this(), value = std::move(value), then = std::move(then)]() mutable {
            if (!self->closed) then(std::move(value));
        });
    }

    template <class T, class Work>
    static awaitable<void> attempt(std::shared_ptr<Impl> self, Then<T> then, Work work) {
        co_await asio::post(self->io, asio::use_awaitable);  // never before the call returns
        std::optional<T> answer;
        try {
            const auto timeout = self->options.operation_timeout;
            const net::Gate::Turn turn = co_await self->operations.enter(steady_clock::now() + timeout);
            const Deadline deadline = steady_clock::now() + timeout;
            for (const auto& source : self->sources) {
                if (self->closed || steady_clock::now() >= deadline) break;
                if (!source->endpoint.usable()) continue;
                co_await self->template ask<T, Work>(*source, deadline, work, answer);
                if (answer) break;
            }
        } catch (const Error&) {  // too much waits: nothing was asked
        }
        if (!self->closed) then(answer ? std::move(*answer) : T{});
    }

    template <class T, class Work>
    awaitable<void> ask(Source& source, Deadline deadline, const Work& work, std::optional<T>& answer) {
        Endpoint& endpoint = source.endpoint;
        const Session session{endpoint, source.follower, deadline};
        try {
            co_await endpoint.identify(deadline);
            answer.emplace(co_await work(session));
            endpoint.worked();
        } catch (const Error& error) {
            if (error.code() == Code::not_found) {
                endpoint.worked();                    // it does not have it, or not any more; another one may
            } else if (error.code() != Code::busy) {  // with our own requests: not its failure
                source.failed(error.code(), error.what());
            }
        } catch (const std::exception& error) {  // numbers beyond their range
            source.failed(Code::protocol, error.what());
        }
    }

    // Nothing for a pin or a finality that is not of this chain and kind.
    struct Wanted {
        Slot slot;
        Call call;
        std::uint64_t depth = 0;
    };
    std::optional<Wanted> read(const Pin& pin, const Finality& finality) const {
        try {
            kind.check(pin);
            if (pin.chain != ChainId{options.chain_id}.text()) return std::nullopt;
            return Wanted{.slot = {Address::parse(pin.account, "/account"), pin.slot},
                          .call = Call::parse(*pin.call, "/call"),
                          .depth = depth_needed(finality)};
        } catch (const Error&) {
            return std::nullopt;
        }
    }

    asio::io_context& io;
    EvmOptions options;
    EvmKind kind;
    std::shared_ptr<ChainIdentity> identity = std::make_shared<ChainIdentity>();
    std::vector<std::unique_ptr<Source>> sources;
    Memory memory;
    std::function<void()> changed;
    net::Gate operations;
    bool telling = false;
    bool closed = false;
};

namespace {

std::optional<Address> read_account(const std::string& account) {
    try {
        return Address::parse(account, "/account");
    } catch (const Error&) {
        return std::nullopt;
    }
}

}  // namespace

EvmLedger::EvmLedger(asio::io_context& io, EvmOptions options)
    : impl_(std::make_shared<Impl>(io, std::move(options))) {}

EvmLedger::~EvmLedger() {
    impl_->closed = true;
    impl_->operations.close();
    for (const auto& source : impl_->sources) source->endpoint.close();
}

const Kind& EvmLedger::kind() const { return impl_->kind; }

Description EvmLedger::describe() const {
    const auto& genesis = impl_->identity->genesis;
    return {.kind = "evm",
            .chain = ChainId{impl_->options.chain_id}.text(),
            .genesis = genesis ? to_0x(genesis->view()) : "",
            .witnesses = {"host", "clique"},
            .events = true};
}

void EvmLedger::on_change(std::function<void()> changed) { impl_->changed = std::move(changed); }

bool EvmLedger::announces() const {
    const auto asked =
        std::ranges::find_if(impl_->sources, [](const auto& source) { return source->endpoint.usable(); });
    return asked != impl_->sources.end() && (*asked)->endpoint.announces();
}

std::vector<Health> EvmLedger::health() const {
    std::vector<Health> out;
    for (const auto& source : impl_->sources) out.push_back(source->endpoint.health());
    return out;
}

void EvmLedger::conditions(const std::string& account, Then<std::optional<Conditions>> then) {
    using Answer = std::optional<Conditions>;
    const std::optional<Address> address = read_account(account);
    if (!address && !account.empty()) return impl_->answer<Answer>({}, std::move(then));
    impl_->run<Answer>(std::move(then), [address](Session session) -> awaitable<Answer> {
        co_return co_await read_conditions(session, address);
    });
}

void EvmLedger::pace(Then<std::optional<Pace>> then) {
    using Answer = std::optional<Pace>;
    impl_->run<Answer>(std::move(then),
                       [](Session session) -> awaitable<Answer> { co_return co_await read_pace(session); });
}

void EvmLedger::plan(const std::string& account, const json::Object& call, Then<std::optional<Plan>> then) {
    using Answer = std::optional<Plan>;
    const std::optional<Address> address = read_account(account);
    if (!address) return impl_->answer<Answer>({}, std::move(then));
    impl_->run<Answer>(std::move(then), [address = *address, call](Session session) -> awaitable<Answer> {
        co_return co_await make_plan(session, address, call);
    });
}

void EvmLedger::submit(const Bytes& transaction, Then<Submission> then) {
    Listed listed;
    try {
        listed = listed_of(transaction);
        impl_->memory.remember(slot_of(listed), listed.hash);
        for (const auto& source : impl_->sources) source->follower.submitting(listed);
    } catch (const Error& error) {
        return impl_->answer<Submission>(
            {.status = Submission::Status::rejected, .detail = error.what(), .transaction = {}}, std::move(then));
    }
    impl_->run<Submission>(std::move(then), [transaction, listed](Session session) -> awaitable<Submission> {
        co_return co_await hand_in(session, transaction, listed);
    });
}

void EvmLedger::look(const Pin& pin, const Finality& finality, Then<View> then) {
    const std::optional<Impl::Wanted> wanted = impl_->read(pin, finality);
    if (!wanted) return impl_->answer<View>({}, std::move(then));
    impl_->run<View>(std::move(then), [impl = impl_.get(), wanted = *wanted](Session session) -> awaitable<View> {
        const Filling filling = co_await find_filling(session, wanted.slot, wanted.depth, impl->memory, impl->search());
        co_return view_of(filling, wanted.call, wanted.depth);
    });
}

void EvmLedger::prove(const Pin& pin, const Finality& finality, Then<std::optional<Proven>> then) {
    using Answer = std::optional<Proven>;
    if (!impl_->read(pin, finality)) return impl_->answer<Answer>({}, std::move(then));
    impl_->run<Answer>(std::move(then), [impl = impl_.get(), pin, finality](Session session) -> awaitable<Answer> {
        co_return co_await prove_filling(session, pin, finality, impl->memory, impl->search());
    });
}

void EvmLedger::events(const json::Object& filter, const std::string& cursor, std::size_t limit,
                       Then<std::optional<EventPage>> then) {
    using Answer = std::optional<EventPage>;
    json::Object query;
    std::optional<Cursor> from;
    try {
        query = log_filter(filter);
        if (!cursor.empty()) from = Cursor::parse(cursor);
    } catch (const Error&) {
        return impl_->answer<Answer>({}, std::move(then));
    }
    impl_->run<Answer>(std::move(then),
                       [query = std::move(query), from = std::move(from), limit](Session session) -> awaitable<Answer> {
                           co_return co_await read_events(session, query, from, limit);
                       });
}

}  // namespace concordat::ledger::evm
