#include "http_peer.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <ledger/net/client.hpp>
#include <ledger/net/standing.hpp>

namespace concordat::ledger::binding {

namespace {

namespace asio = boost::asio;
using asio::awaitable;
using std::chrono::steady_clock;

// A node's own refusal; nothing where somebody else answers.
std::optional<Error> problem_of(const net::HttpAnswer& answer) {
    if (answer.content_type != net::problem_type) return std::nullopt;
    return read_problem(answer.body);
}

[[noreturn]] void unexpected(const net::HttpAnswer& answer) {
    if (const auto problem = problem_of(answer)) throw *problem;
    throw Error(Code::unavailable, "endpoint", "answers HTTP " + std::to_string(answer.status));
}

class HttpPeer final : public Peer, public std::enable_shared_from_this<HttpPeer> {
  public:
    HttpPeer(asio::io_context& io, HttpPeerOptions options)
        : io_(io),
          options_(std::move(options)),
          url_(net::Url::service(options_.url, "/endpoints")),
          base_(url_.target + "/v1/bindings/" + options_.binding.text()),
          client_(io, url_, net::make_trust(url_.tls, options_.ca), options_.connections, max_peer_answer_bytes) {}

    std::optional<Hash256> binding() const override { return found_ ? std::optional(options_.binding) : std::nullopt; }
    Health health() const override {
        const std::string& problem = standing_.problem();
        return {.url = options_.url, .usable = standing_.usable() && problem.empty(), .problem = problem};
    }
    void close() override { client_.close(); }

    void find(Then<bool> then) override {
        run<bool>(std::move(then), [this](net::Deadline deadline) -> awaitable<bool> {
            net::HttpRequest request;  // named: g++ 12 destroys what is made in a co_await's argument twice
            const net::HttpAnswer answer = co_await ask(std::move(request), deadline);
            if (answer.status != 200) unexpected(answer);
            found_ = true;
            co_return true;
        });
    }
    void submit(const std::string& jws, Then<Submission> then) override {
        run<Submission>(std::move(then), [this, jws](net::Deadline deadline) -> awaitable<Submission> {
            net::HttpRequest post{
                .post = true, .target = "/messages", .content_type = "application/jose", .accept = {}};
            post.body = jws;
            const net::HttpAnswer answer = co_await ask(std::move(post), deadline);
            if (answer.status == 200 || answer.status == 202) {
                co_return Submission{.status = Submission::Status::accepted, .detail = {}, .transaction = {}};
            }
            const auto problem = problem_of(answer);
            if (!problem) unexpected(answer);
            co_return submission_of(*problem);
        });
    }
    void look(const Hash256& key, std::int64_t number, Then<std::optional<Shown>> then) override {
        std::string target = "/calls/" + to_base64url(key.view()) + "/" + std::to_string(number);
        run<std::optional<Shown>>(std::move(then),
                                  [this, target](net::Deadline deadline) -> awaitable<std::optional<Shown>> {
                                      co_return read_shown(co_await get(target, deadline));
                                  });
    }
    void receipt(std::uint64_t sequence, Then<std::optional<std::string>> then) override {
        std::string target = "/entries/" + std::to_string(sequence) + "/receipt";
        run<std::optional<std::string>>(
            std::move(then), [this, target](net::Deadline deadline) -> awaitable<std::optional<std::string>> {
                co_return co_await get(target, deadline);
            });
    }

  private:
    awaitable<net::HttpAnswer> ask(net::HttpRequest request, net::Deadline deadline) {
        request.target = base_ + request.target;
        // What is handed in may have to wait until a transaction lets the binding go.
        const auto limit = request.post ? options_.timeout : options_.request_timeout;
        if (request.accept.empty()) request.accept = "application/json, application/problem+json";
        co_return co_await client_.exchange(std::move(request), deadline, limit);
    }
    awaitable<std::string> get(std::string target, net::Deadline deadline) {
        net::HttpRequest request;
        request.target = std::move(target);
        const net::HttpAnswer answer = co_await ask(std::move(request), deadline);
        if (answer.status != 200) unexpected(answer);
        co_return answer.body;
    }

    // Answers once, later: with what `work` makes, or with T{}.
    template <class T, class Work>
    void run(Then<T> then, Work work) {
        asio::co_spawn(io_, attempt<T, Work>(shared_from_this(), std::move(then), std::move(work)), asio::detached);
    }
    template <class T, class Work>
    static awaitable<void> attempt(std::shared_ptr<HttpPeer> self, Then<T> then, Work work) {
        std::optional<T> answer;
        co_await asio::post(self->io_, asio::use_awaitable);  // never before the call returns
        if (self->running_ < self->options_.max_operations && self->standing_.usable()) {
            ++self->running_;
            try {
                answer.emplace(co_await work(steady_clock::now() + self->options_.timeout));
                self->standing_.worked();
            } catch (const Error& error) {
                self->standing_.failed(error.code(), error.what());
            } catch (const std::exception& error) {
                self->standing_.failed(Code::protocol, error.what());
            }
            --self->running_;
        }
        then(answer ? std::move(*answer) : T{});
    }

    asio::io_context& io_;
    HttpPeerOptions options_;
    net::Url url_;
    std::string base_;
    net::HttpClient client_;
    net::Standing standing_;
    std::size_t running_ = 0;
    bool found_ = false;
};

}  // namespace

std::shared_ptr<Peer> make_http_peer(asio::io_context& io, HttpPeerOptions options) {
    return std::make_shared<HttpPeer>(io, std::move(options));
}

}  // namespace concordat::ledger::binding
