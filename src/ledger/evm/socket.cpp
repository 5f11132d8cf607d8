#include "socket.hpp"

#include <netinet/tcp.h>
#include <sys/socket.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/websocket.hpp>
#include <deque>
#include <map>

namespace concordat::ledger::evm {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace websocket = boost::beast::websocket;
using asio::awaitable;
using boost::system::error_code;
using std::chrono::steady_clock;

namespace {

constexpr auto quiet = asio::as_tuple(asio::use_awaitable);
constexpr std::chrono::seconds silence{30};  // then it is asked for a sign of life

std::exception_ptr failure_of(Code code, std::string rule) {
    return std::make_exception_ptr(Error(code, "endpoint", std::move(rule)));
}

}  // namespace

// One connection. Its coroutines hold it; it outlives the Socket as long as one of them runs, but tells it nothing
// then.
struct Socket::Link : std::enable_shared_from_this<Socket::Link> {
    // Who waits for the replies to its requests.
    struct Asked {
        Asked(const asio::any_io_executor& executor, Deadline deadline, std::uint64_t id, std::size_t size)
            : waiter(executor, deadline), first_id(id), count(size) {}
        Waiter waiter;
        std::uint64_t first_id;
        std::size_t count;
        std::vector<Reply> replies;
    };

    Link(asio::io_context& context, const Url& url, const Trust& trust) : io(context), stream(context, url, trust) {}

    void fail(const std::exception_ptr& why) {
        if (failure) return;
        failure = why;
        stream.next_layer().close();
        for (const auto& [id, one] : std::exchange(asked, {})) one->waiter.wake(why);
        for (const auto& one : std::exchange(opening, {})) one->wake(why);
    }

    void deliver(const json::Value& answer) {
        if (const json::Object* params = notification_of(answer)) {
            if (told) told(*params);
            return;
        }
        const std::optional<std::uint64_t> id = id_of(answer);
        if (!id) throw Error(Code::protocol, "answer", "must have the id of a request");
        auto at = asked.upper_bound(*id);
        if (at == asked.begin()) return;  // nobody waits for it any more
        --at;
        const std::shared_ptr<Asked> one = at->second;
        if (*id >= one->first_id + one->count) return;
        one->replies = replies_of(answer, one->count, one->first_id);  // throws: then all end, this one too
        asked.erase(at);
        one->waiter.wake();
    }

    static awaitable<void> read(std::shared_ptr<Link> link) {
        beast::flat_buffer buffer;
        while (!link->failure) {
            link->acknowledge_at_once();
            const auto [problem, size] = co_await link->stream.async_read(buffer, quiet);
            if (problem) {
                link->fail(std::make_exception_ptr(error_of(problem)));
                break;
            }
            try {
                link->deliver(parse_answer({static_cast<const char*>(buffer.data().data()), buffer.size()}));
            } catch (const Error&) {
                link->fail(std::current_exception());
            }
            buffer.consume(buffer.size());
        }
    }

    static awaitable<void> write(std::shared_ptr<Link> link) {
        while (!link->failure && !link->out.empty()) {
            const std::string text = std::move(link->out.front());
            link->out.pop_front();
            const auto [problem, size] = co_await link->stream.async_write(asio::buffer(text), quiet);
            if (problem) link->fail(std::make_exception_ptr(error_of(problem)));
        }
        link->writing = false;
    }

    // A node that waits for the acknowledgement of what it told before (Nagle's algorithm, as anvil does) would tell of
    // each block 40 ms late. The kernel forgets this again and again, tcp(7).
    void acknowledge_at_once() {
#if defined(TCP_QUICKACK)
        const int on = 1;
        const int socket = beast::get_lowest_layer(stream).socket().native_handle();
        (void)::setsockopt(socket, IPPROTO_TCP, TCP_QUICKACK, &on, sizeof on);
#endif
    }

    void send(std::string text) {
        out.push_back(std::move(text));
        if (std::exchange(writing, true)) return;
        asio::co_spawn(io, write(shared_from_this()), asio::detached);
    }

    asio::io_context& io;
    websocket::stream<Stream> stream;
    std::function<void(const json::Object&)> told;
    bool is_open = false, writing = false;
    std::exception_ptr failure;
    std::map<std::uint64_t, std::shared_ptr<Asked>> asked;  // by first id
    std::vector<std::shared_ptr<Waiter>> opening;           // who waits for the connection
    std::deque<std::string> out;
};

Socket::Socket(asio::io_context& io, Url url, Trust trust, std::function<void(const json::Object&)> told)
    : io_(io),
      url_(std::move(url)),
      trust_(std::move(trust)),
      told_(std::move(told)),
      gate_(io.get_executor(), max_under_way, max_waiting) {}

Socket::~Socket() { drop(); }

bool Socket::lost() const { return link_ && link_->failure; }

void Socket::drop() {
    if (const Held link = std::exchange(link_, nullptr)) {
        link->told = {};
        link->fail(failure_of(Code::unavailable, "is given up"));
    }
}

void Socket::close() {
    closed_ = true;
    drop();
    gate_.close();
}

awaitable<void> Socket::open(Held link, Url url, Deadline deadline) {
    try {
        Stream& below = link->stream.next_layer();
        co_await below.connect(url, deadline);
        below.next_layer().expires_never();  // the websocket has limits of its own
        const auto rest = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - steady_clock::now());
        link->stream.set_option(
            websocket::stream_base::timeout{.handshake_timeout = std::max(rest, std::chrono::milliseconds(1)),
                                            .idle_timeout = silence,
                                            .keep_alive_pings = true});
        link->stream.read_message_max(max_answer_bytes);
        const auto [problem] = co_await link->stream.async_handshake(url.authority, url.target, quiet);
        if (problem) throw error_of(problem);
    } catch (const Error&) {
        link->fail(std::current_exception());
    }
    if (link->failure) co_return;
    link->is_open = true;
    for (const auto& one : std::exchange(link->opening, {})) one->wake();
    co_await Link::read(link);
}

awaitable<Socket::Held> Socket::link(Deadline deadline) {
    if (closed_) throw Error(Code::unavailable, "endpoint", "is closed");
    // Another connection may lead to somebody else: that is found out before it is used.
    if (lost()) std::rethrow_exception(link_->failure);
    if (!link_) {
        link_ = std::make_shared<Link>(io_, url_, trust_);
        link_->told = told_;
        asio::co_spawn(io_, open(link_, url_, deadline), asio::detached);
    }
    const Held held = link_;
    if (!held->is_open) {
        const auto waiter = std::make_shared<Waiter>(io_.get_executor(), deadline);
        held->opening.push_back(waiter);
        if (!co_await waiter->wait()) throw Error(Code::timeout, "endpoint", "must answer in time");
    }
    co_return held;
}

awaitable<std::vector<Reply>> Socket::ask(std::span<const Request> requests, Deadline deadline,
                                          std::chrono::milliseconds timeout) {
    const net::Gate::Turn turn = co_await gate_.enter(deadline);
    const Deadline limit = steady_clock::now() + timeout;
    const Held held = co_await link(limit);
    if (held->failure) std::rethrow_exception(held->failure);
    const auto asked = std::make_shared<Link::Asked>(io_.get_executor(), limit, next_id_, requests.size());
    next_id_ += requests.size();
    held->asked.emplace(asked->first_id, asked);
    held->send(request_text(requests, asked->first_id));
    if (!co_await asked->waiter.wait()) {
        held->fail(failure_of(Code::timeout, "must answer in time"));
        std::rethrow_exception(held->failure);
    }
    co_return std::move(asked->replies);
}

}  // namespace concordat::ledger::evm
