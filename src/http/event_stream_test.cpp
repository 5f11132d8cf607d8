#include "event_stream.hpp"

#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "fixture_test.hpp"

namespace concordat::http {
namespace {
namespace asio = boost::asio;

// Numbers from a history that a client can rejoin.
struct Feed {
    std::vector<std::shared_ptr<EventStream>> open;
    int last = 0;
    int ended = 0;

    void setup(Server& server) {
        server.route(Method::get, "/events", [this](Request request) -> asio::awaitable<Response> {
            auto stream = std::make_shared<EventStream>(4096);
            const auto seen = request.headers["Last-Event-ID"];
            for (int i = seen.empty() ? 1 : std::stoi(std::string(seen)) + 1; i <= last; ++i) stream->push(event(i));
            stream->on_close([this] { ++ended; });
            open.push_back(stream);
            co_return Response{200, "", {}, {}, stream};
        });
    }
    static Event event(int i) { return {std::to_string(i), "number", "line " + std::to_string(i) + "\nsecond line"}; }
    void push(int count) {
        for (int i = 0; i < count; ++i) {
            ++last;
            for (auto& stream : open) stream->push(event(last));
        }
    }
};

TEST(EventStream, SendsAndResumes) {
    Feed feed;
    RunningServer running([&](Server& server, asio::io_context&) { feed.setup(server); });
    running.on_thread([&] {
        feed.push(2);
        return 0;
    });
    std::string last;
    {
        EventReader reader("127.0.0.1", running.port, "/events");
        for (int i = 1; i <= 2; ++i) {
            const auto event = reader.next(5000);
            ASSERT_TRUE(event);
            EXPECT_EQ(event->id, std::to_string(i));
            EXPECT_EQ(event->event, "number");
            EXPECT_EQ(event->data, "line " + std::to_string(i) + "\nsecond line");
        }
        EXPECT_THROW(reader.next(50), Error);
        running.on_thread([&] {
            feed.push(1);
            return 0;
        });
        EXPECT_EQ(reader.next(5000)->id, "3");
        last = reader.last_id();
    }
    // The client is gone: the stream ends without waiting for a heartbeat.
    for (int i = 0; i < 100 && running.on_thread([&] { return feed.ended; }) == 0; ++i)
        std::this_thread::sleep_for(milliseconds(10));
    EXPECT_EQ(running.on_thread([&] { return feed.ended; }), 1);
    running.on_thread([&] {
        feed.push(2);
        return 0;
    });
    EventReader reader("127.0.0.1", running.port, "/events", {{"Last-Event-ID", last}});
    EXPECT_EQ(reader.next(5000)->id, "4");
    EXPECT_EQ(reader.next(5000)->id, "5");
    auto stopping = std::thread([&] { running.stop(milliseconds(2000)); });
    EXPECT_FALSE(reader.next(5000));  // ended, not broken off
    stopping.join();
    EXPECT_EQ(feed.ended, 2);
}

TEST(EventStream, BeatsWhileQuiet) {
    Feed feed;
    Limits limits;
    limits.heartbeat = milliseconds(50);
    RunningServer running([&](Server& server, asio::io_context&) { feed.setup(server); }, limits);
    RawSocket socket(running.port);
    socket.send("GET /events HTTP/1.1\r\nHost: x\r\n\r\n");
    const auto text = socket.receive(":\n\n", 3);
    EXPECT_NE(text.find("Content-Type: text/event-stream"), std::string::npos) << text;
    EXPECT_NE(text.find("Cache-Control: no-store"), std::string::npos);
}

TEST(EventStream, CutsOffAReaderThatIsTooSlow) {
    EventStream stream(100);
    int ended = 0;
    stream.on_close([&] { ++ended; });
    int pushed = 0;
    while (stream.push({"1", "", "0123456789"})) ++pushed;
    EXPECT_GT(pushed, 2);
    EXPECT_TRUE(stream.closed());
    EXPECT_EQ(ended, 1);
    EXPECT_FALSE(stream.push({}));
    stream.close();
    EXPECT_EQ(ended, 1);
}

TEST(EventStream, FormatsWithoutInjection) {
    EXPECT_EQ(format_event({"1\nevent: x", "a\r\nb", "x\r\ny\n"}),
              "id: 1event: x\nevent: ab\ndata: x\ndata: y\ndata: \n\n");
    EXPECT_EQ(format_event({}), "data: \n\n");
}

TEST(EventReader, ThrowsTheProblem) {
    Feed feed;
    RunningServer running([&](Server& server, asio::io_context&) { feed.setup(server); });
    try {
        EventReader reader("127.0.0.1", running.port, "/none");
        FAIL();
    } catch (const Error& error) {
        EXPECT_EQ(error.code(), Code::not_found);
    }
}

TEST(HttpClient, ReconnectsAndTimesOut) {
    Limits limits;
    limits.idle_timeout = milliseconds(100);
    RunningServer running(
        [](Server& server, asio::io_context&) {
            server.route(Method::get, "/", [](Request) -> asio::awaitable<Response> { co_return Response{}; });
            server.route(Method::get, "/hang", [](Request) -> asio::awaitable<Response> {
                asio::steady_timer timer(co_await asio::this_coro::executor, milliseconds(400));
                co_await timer.async_wait(asio::use_awaitable);
                co_return Response{};
            });
        },
        limits);
    auto client = running.client();
    EXPECT_EQ(client.request("GET", "/").status, 200);
    std::this_thread::sleep_for(milliseconds(400));  // the server has closed the connection by now
    EXPECT_EQ(client.request("GET", "/").status, 200);
    try {
        client.request("GET", "/hang", {}, {}, 50);
        FAIL();
    } catch (const Error& error) {
        EXPECT_EQ(error.code(), Code::timeout);
    }
    EXPECT_EQ(client.request("GET", "/").status, 200);
    EXPECT_THROW(HttpClient("127.0.0.1", 1).request("GET", "/"), Error);
}

}  // namespace
}  // namespace concordat::http
