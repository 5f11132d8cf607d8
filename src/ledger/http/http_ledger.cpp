#include "http_ledger.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace concordat::ledger::http {

namespace asio = boost::asio;
using asio::awaitable;
using std::chrono::steady_clock;

namespace {

// Deeper than any finality asks for, and than an outcome is watched.
constexpr std::uint64_t for_ever = std::uint64_t{1} << 32;

json::Value evidence_of(const std::string& answer) { return json::Object{{"answer", answer}}; }

}  // namespace

struct HttpLedger::Impl : std::enable_shared_from_this<HttpLedger::Impl> {
    Impl(asio::io_context& context, HttpOptions given)
        : io(context),
          options(std::move(given)),
          participant(context, options.participant),
          operations(context.get_executor(), options.max_operations, options.max_waiting) {}

    // Answers once, later, with what `work` makes of the participant; else T{} says that nothing is known.
    template <class T, class Work>
    void run(Ledger::Then<T> then, Work work) {
        asio::co_spawn(io, attempt<T, Work>(shared_from_this(), std::move(then), std::move(work)), asio::detached);
    }

    template <class T>
    void answer(T value, Ledger::Then<T> then) {
        asio::post(io, [self = shared_from_this(), value = std::move(value), then = std::move(then)]() mutable {
            if (!self->closed) then(std::move(value));
        });
    }

    template <class T, class Work>
    static awaitable<void> attempt(std::shared_ptr<Impl> self, Ledger::Then<T> then, Work work) {
        co_await asio::post(self->io, asio::use_awaitable);  // never before the call returns
        std::optional<T> answer;
        try {
            const auto waits_until = steady_clock::now() + self->options.operation_timeout;
            const net::Gate::Turn turn = co_await self->operations.enter(waits_until);
            if (self->participant.usable()) co_await self->template ask<T, Work>(work, answer);
        } catch (const Error&) {  // too much waits: nothing was asked
        }
        if (!self->closed) then(answer ? std::move(*answer) : T{});
    }

    template <class T, class Work>
    awaitable<void> ask(const Work& work, std::optional<T>& answer) {
        const net::Deadline deadline = steady_clock::now() + options.operation_timeout;
        try {
            co_await participant.identify(deadline);
            answer.emplace(co_await work(deadline));
            participant.worked();
        } catch (const Error& error) {
            // That it is busy with our own requests is not its failure.
            if (error.code() != Code::busy) participant.failed(error.code(), error.what());
        } catch (const std::exception& error) {
            participant.failed(Code::protocol, error.what());
        }
    }

    // Nothing of another participant's, or that no answer could satisfy, is asked.
    bool knows(const Pin& pin, const Finality& finality) const {
        try {
            kind.check(pin);
            return pin.chain == participant.chain() && chain_of(Terms::parse(finality).key) == pin.chain;
        } catch (const Error&) {
            return false;
        }
    }

    asio::io_context& io;
    HttpOptions options;
    HttpKind kind;
    Participant participant;
    net::Gate operations;
    bool closed = false;
};

HttpLedger::HttpLedger(asio::io_context& io, HttpOptions options)
    : impl_(std::make_shared<Impl>(io, std::move(options))) {}

HttpLedger::~HttpLedger() {
    impl_->closed = true;
    impl_->operations.close();
    impl_->participant.close();
}

const Kind& HttpLedger::kind() const { return impl_->kind; }

Description HttpLedger::describe() const {
    const std::optional<Hash256> thumbprint = impl_->participant.thumbprint();
    return {.kind = "http",
            .chain = impl_->participant.chain(),
            .genesis = thumbprint ? thumbprint->text() : "",
            .witnesses = {std::string(signature_witness)},
            .events = false};
}

std::vector<Health> HttpLedger::health() const { return {impl_->participant.health()}; }

void HttpLedger::conditions(const std::string& account, Then<std::optional<Conditions>> then) {
    using Known = std::optional<Conditions>;
    // Without an account this is asked before each request, which will show whether the participant answers.
    const bool now = !account.empty();
    impl_->run<Known>(std::move(then), [impl = impl_.get(), now](net::Deadline deadline) -> awaitable<Known> {
        co_await impl->participant.identify(deadline, now);
        co_return Conditions{.height = 1, .price = 0, .balance = "0", .next = 0};
    });
}

void HttpLedger::pace(Then<std::optional<Pace>> then) { impl_->answer<std::optional<Pace>>(Pace{}, std::move(then)); }

void HttpLedger::plan(const std::string& account, const json::Object& call, Then<std::optional<Plan>> then) {
    using Known = std::optional<Plan>;
    Plan plan{.call = call, .ceiling = 0, .problem = {}};
    try {
        impl_->kind.check(Pin{.chain = impl_->participant.chain(), .account = account, .slot = 0, .call = call});
    } catch (const Error& error) {
        plan = {.call = {}, .ceiling = 0, .problem = error.what()};
    }
    impl_->run<Known>(std::move(then), [plan](net::Deadline) -> awaitable<Known> { co_return plan; });
}

void HttpLedger::submit(const Bytes& transaction, Then<Submission> then) {
    Request request;
    const std::string text(text_of(transaction));
    try {
        request = Request::parse(text, "request");
        if (request.participant != impl_->participant.chain()) {
            throw Error(Code::bad_format, "request/participant", "must be " + impl_->participant.chain());
        }
    } catch (const Error& error) {
        return impl_->answer<Submission>(
            {.status = Submission::Status::rejected, .detail = error.what(), .transaction = {}}, std::move(then));
    }
    impl_->run<Submission>(std::move(then),
                           [impl = impl_.get(), request, text](net::Deadline deadline) -> awaitable<Submission> {
                               co_return co_await impl->participant.submit(request, text, deadline);
                           });
}

void HttpLedger::look(const Pin& pin, const Finality& finality, Then<View> then) {
    if (!impl_->knows(pin, finality)) return impl_->answer<View>({}, std::move(then));
    impl_->run<View>(std::move(then), [impl = impl_.get(), pin, finality](net::Deadline deadline) -> awaitable<View> {
        const Shown shown = co_await impl->participant.look(pin.account, pin.slot, deadline);
        View view;
        view.status = shown.status == Shown::Status::open ? View::Status::open : View::Status::pending;
        if (shown.status != Shown::Status::answered) co_return view;
        const Judgement judgement = impl->kind.judge(pin, finality, evidence_of(shown.answer));
        view.status = View::Status::final;
        view.fate = judgement.fate;
        view.depth = for_ever;
        view.transaction = judgement.transaction;
        co_return view;
    });
}

void HttpLedger::prove(const Pin& pin, const Finality& finality, Then<std::optional<Proven>> then) {
    using Known = std::optional<Proven>;
    if (!impl_->knows(pin, finality)) return impl_->answer<Known>({}, std::move(then));
    impl_->run<Known>(std::move(then), [impl = impl_.get(), pin, finality](net::Deadline deadline) -> awaitable<Known> {
        const Shown shown = co_await impl->participant.look(pin.account, pin.slot, deadline);
        if (shown.status != Shown::Status::answered) co_return std::nullopt;
        json::Value evidence = evidence_of(shown.answer);
        const Judgement judgement = impl->kind.judge(pin, finality, evidence);
        co_return Proven{std::move(evidence), judgement.block};
    });
}

void HttpLedger::events(const json::Object&, const std::string&, std::size_t, Then<std::optional<EventPage>> then) {
    impl_->answer<std::optional<EventPage>>({}, std::move(then));
}

}  // namespace concordat::ledger::http
