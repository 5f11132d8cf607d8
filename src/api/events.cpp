// Entries as they come, as server-sent events that a client can resume: each event's id is its index in the ledger.
#include <boost/asio/steady_timer.hpp>
#include <charconv>

#include "await.hpp"
#include "render.hpp"
#include "routes.hpp"

namespace concordat::api {

namespace {

using boost::asio::awaitable;
using node::CommitPtr;

constexpr std::size_t batch = 128;
constexpr auto pause =
    std::chrono::milliseconds(10);  // between batches, so that a client can keep up and others get their turn
constexpr std::size_t max_buffered = std::size_t{8} << 20;

// One client's place in the ledger. Owned by the callbacks that it waits for; ends with its stream.
class Feed : public std::enable_shared_from_this<Feed> {
  public:
    Feed(node::Node& node, std::optional<Hash256> binding, std::uint64_t next, boost::asio::any_io_executor executor)
        : node_(node),
          binding_(binding),
          next_(next),
          timer_(executor),
          stream_(std::make_shared<http::EventStream>(max_buffered)) {}

    std::shared_ptr<http::EventStream> start() {
        subscription_ = node_.chronicle().subscribe([self = shared_from_this()] { self->look(); });
        stream_->on_close([self = shared_from_this()] {
            self->node_.chronicle().unsubscribe(self->subscription_);
            self->timer_.cancel();
        });
        // Whoever is cut off before the first event must still know where to go on.
        stream_->push({.id = next_ == 0 ? "-1" : std::to_string(next_ - 1), .event = {}, .data = {}, .place = true});
        look();
        return stream_;
    }

  private:
    void look() {
        if (std::exchange(looking_, true)) {
            again_ = true;
            return;
        }
        again_ = false;
        timer_.expires_after(pause);
        timer_.async_wait([self = shared_from_this()](const boost::system::error_code& error) {
            if (!error) self->read();
        });
    }

    void read() {
        const std::uint64_t watermark = node_.chronicle().watermark();
        node_.events(binding_, next_, batch,
                     [self = shared_from_this(), watermark](process::Outcome<std::vector<CommitPtr>> commits) {
                         if (self->stream_->closed()) return;
                         if (!commits.ok())
                             return self->stream_->close();  // the client comes back with its Last-Event-ID
                         self->push(commits.get(), watermark);
                     });
    }

    void push(const std::vector<CommitPtr>& commits, std::uint64_t watermark) {
        for (const CommitPtr& commit : commits) {
            const std::string type = "concordat.entry." + std::string(contract::entry_type_name(commit->entry.type));
            if (!stream_->push({std::to_string(commit->index), type, render_event(*commit)})) return;
            next_ = commit->index + 1;
        }
        if (commits.size() < batch) next_ = std::max(next_, watermark);
        looking_ = false;
        if (again_ || commits.size() == batch) look();
    }

    node::Node& node_;
    std::optional<Hash256> binding_;
    std::uint64_t next_;
    boost::asio::steady_timer timer_;
    std::shared_ptr<http::EventStream> stream_;
    std::uint64_t subscription_ = 0;
    bool looking_ = false, again_ = false;
};

// Behind Last-Event-ID, or ?after=, or now.
std::uint64_t first_index(node::Node& node, const http::Request& request) {
    std::string_view text = request.headers["last-event-id"];
    if (text.empty()) text = request.query_value("after").value_or("");
    if (text.empty()) return node.chronicle().watermark();
    if (text == "-1") return 0;
    std::uint64_t index = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), index);
    if (error != std::errc{} || end != text.data() + text.size())
        throw Error(Code::bad_format, "Last-Event-ID", "must be an event's id");
    return index + 1;
}

awaitable<http::Response> stream(Context& context, std::optional<Hash256> binding, const http::Request request) {
    const auto executor = co_await boost::asio::this_coro::executor;
    http::Response response;
    response.content_type = "text/event-stream";
    response.headers.emplace_back("Cache-Control", "no-store");
    response.events =
        std::make_shared<Feed>(context.node, binding, first_index(context.node, request), executor)->start();
    co_return response;
}

awaitable<http::Response> all_events(Context& context, http::Request request) {
    require_operator(context.node, request);
    co_return co_await stream(context, std::nullopt, request);
}

awaitable<http::Response> binding_events(Context& context, http::Request request) {
    const Hash256 binding = hash_param(request, "binding");
    context.node.binding(binding);
    co_return co_await stream(context, binding, request);
}

}  // namespace

void add_event_routes(std::vector<RouteDoc>& routes, Context& context) {
    const std::vector<std::pair<std::string, std::string>> query{
        {"after", "event id after which to begin; -1 for the first. Last-Event-ID wins"}};
    routes.push_back({http::Method::get, "/v1/events", "events", "events",
                      "Every entry as a CloudEvent, by server-sent events.", "", "text/event-stream", query, true,
                      [&context](http::Request request) { return all_events(context, std::move(request)); }});
    routes.push_back({http::Method::get, "/v1/bindings/{binding}/events", "events", "bindingEvents",
                      "A binding's entries as CloudEvents, by server-sent events.", "", "text/event-stream", query,
                      false,
                      [&context](http::Request request) { return binding_events(context, std::move(request)); }});
}

}  // namespace concordat::api
