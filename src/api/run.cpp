#include <malloc.h>

#include <base/log.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/signal_set.hpp>
#include <csignal>

#include "api.hpp"
#include "await.hpp"

namespace concordat::api {

namespace {

http::ServerOptions server_options(const node::NodeOptions& options) {
    http::ServerOptions out;
    out.host = options.host;
    out.port = static_cast<std::uint16_t>(options.port);
    out.limits.connections = static_cast<std::size_t>(options.connections);
    out.limits.requests_per_second = static_cast<double>(options.requests_per_second);
    out.limits.burst = static_cast<double>(options.request_burst);
    return out;
}

void report(const Error& error) {
    log::error("node_failed", {{"code", code_name(error.code())}, {"field", error.field()}, {"rule", error.rule()}});
}

// The running process: what ends it, and in which order.
class Running {
  public:
    Running(boost::asio::io_context& loop, const node::NodeOptions& options,
            const std::function<void(std::uint16_t)>& on_ready)
        : loop_(loop),
          node_(loop, options, clock_, random_),
          server_(loop, server_options(options)),
          context_{node_, server_, [this] { stop(); }},
          signals_(loop, SIGTERM, SIGINT),
          on_ready_(on_ready) {
        add_routes(context_);
    }

    void start() {
        signals_.async_wait([this](const boost::system::error_code& error, int) {
            if (!error) stop();
        });
        node_.start([this](const process::Outcome<process::Nothing>& started) {
            if (!started.ok()) return fail(started.error());
            try {
                server_.start();
            } catch (const Error& error) {
                return fail(error);
            }
            serving_ = true;
            log::info("node_ready", {{"host", node_.options().host},
                                     {"port", server_.port()},
                                     {"protection", "development, not hardware-protected"}});
            if (on_ready_) on_ready_(server_.port());
        });
    }

    int exit_code() const { return exit_code_; }

  private:
    void fail(const Error& error) {
        report(error);
        exit_code_ = 1;
        stop();
    }

    void stop() {
        if (std::exchange(stopping_, true)) return;
        log::info("node_stopping");
        signals_.cancel();
        boost::asio::co_spawn(loop_, end(), boost::asio::detached);
    }

    boost::asio::awaitable<void> end() {
        if (serving_) co_await server_.stop(std::chrono::milliseconds(node_.options().stop_seconds * 1000));
        co_await call<process::Nothing>(
            [this](process::Then<process::Nothing> then) { node_.stop([then] { then(process::Nothing{}); }); });
        loop_.stop();
    }

    boost::asio::io_context& loop_;
    SystemClock clock_;
    SystemRandom random_;
    node::Node node_;
    http::Server server_;
    Context context_;
    boost::asio::signal_set signals_;
    std::function<void(std::uint16_t)> on_ready_;
    bool stopping_ = false, serving_ = false;
    int exit_code_ = 0;
};

}  // namespace

int run_node(const node::NodeOptions& options, const std::function<void(std::uint16_t port)>& on_ready) {
    log::set_process("node");
    log::set_level(log::level_of(options.log_level));
    std::signal(SIGPIPE, SIG_IGN);
    // What is gathered for a socket is some hundred kilobytes: by default it would be mapped and unmapped each time.
    ::mallopt(M_MMAP_THRESHOLD, 64 << 20);
    ::mallopt(M_TRIM_THRESHOLD, 64 << 20);
    std::signal(SIGXFSZ, SIG_IGN);  // a file at its limit is an error of the write, not the process's end
    boost::asio::io_context loop(1);
    try {
        Running running(loop, options, on_ready);
        running.start();
        loop.run();
        log::info("node_stopped", {{"code", running.exit_code()}});
        return running.exit_code();
    } catch (const Error& error) {
        report(error);
        return 1;
    }
}

}  // namespace concordat::api
