#include "server.hpp"

#include <base/json.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <future>

#include "fixture_test.hpp"
#include "rate_limit.hpp"

namespace concordat::http {
namespace {
namespace asio = boost::asio;

asio::awaitable<Response> echo(Request request) {
    json::Object out;
    for (const auto& [name, value] : request.params) out["param." + name] = value;
    for (const auto& [name, value] : request.query) out["query." + name] = value;
    out["method"] = method_name(request.method);
    out["body"] = request.body;
    out["peer"] = request.peer;
    out["trace"] = request.trace;
    co_return Response{200, "application/json", {{"X-Evil", "a\r\nInjected: b"}}, boost::json::serialize(out)};
}

asio::awaitable<Response> failing(Request request) {
    if (request.query_value("kind") == "other") throw std::runtime_error("secret detail");
    throw Error(Code::conflict, "/sequence", "must be the next one");
    co_return Response{};
}

asio::awaitable<Response> slow(Request) {
    asio::steady_timer timer(co_await asio::this_coro::executor, milliseconds(300));
    co_await timer.async_wait(asio::use_awaitable);
    co_return Response{200, "text/plain", {}, "slow"};
}

void routes(Server& server, asio::io_context&) {
    server.route(Method::get, "/v1/things/{thing}", echo);
    server.route(Method::get, "/v1/things/special", slow);
    server.route(Method::post, "/v1/things/{thing}/parts/{part}", echo, {100});
    server.route(Method::get, "/files/{rest*}", echo);
    server.route(Method::get, "/fail", failing);
    server.route(Method::get, "/slow", slow);
    server.route(Method::get, "/integer", [](Request request) -> asio::awaitable<Response> {
        co_return Response{200, "text/plain", {}, std::to_string(request.query_integer("n", 7, 1, 9))};
    });
}

std::string text_in(const json::Object& object, std::string_view name) {
    return std::string(object.at(name).as_string());
}

json::Object body_of(const ClientResponse& response) { return boost::json::parse(response.body).as_object(); }

TEST(Server, RoutesAndDecodes) {
    RunningServer running(routes);
    auto client = running.client();
    auto response = client.request("GET", "/v1/things/a%2Fb%20c?x=1&x=%C3%BC&y=");
    EXPECT_EQ(response.status, 200);
    auto body = body_of(response);
    EXPECT_EQ(text_in(body, "param.thing"), "a/b c");
    EXPECT_EQ(text_in(body, "query.x"), "\u00fc");
    EXPECT_EQ(text_in(body, "query.y"), "");
    EXPECT_EQ(text_in(body, "peer"), "127.0.0.1");
    EXPECT_EQ(body["trace"].as_string().size(), 32u);
    EXPECT_EQ(response.headers["content-type"], "application/json");
    EXPECT_EQ(response.headers["Injected"], "");
    EXPECT_TRUE(response.headers.contains("Date"));
    body = body_of(client.request("POST", "/v1/things/t/parts/p", {}, "hello"));
    EXPECT_EQ(text_in(body, "body"), "hello");
    EXPECT_EQ(text_in(body, "param.part"), "p");
    EXPECT_EQ(text_in(body_of(client.request("GET", "/files/a/b%20/c")), "param.rest"), "a/b /c");
    EXPECT_EQ(text_in(body_of(client.request("GET", "/files/")), "param.rest"), "");
    EXPECT_EQ(client.request("GET", "/v1/things/special").body, "slow");
    EXPECT_EQ(client.request("GET", "/integer?n=3").body, "3");
    EXPECT_EQ(client.request("GET", "/integer").body, "7");
    response = client.request("GET", "/integer?n=10");
    EXPECT_EQ(response.status, 400);
    EXPECT_EQ(text_in(body_of(response), "field"), "query.n");
    response = client.request("HEAD", "/integer?n=3");
    EXPECT_EQ(response.status, 200);
    EXPECT_EQ(response.headers["Content-Length"], "1");
    EXPECT_EQ(response.body, "");
    EXPECT_EQ(client.request("GET", "/integer?n=4").body, "4");  // the same connection still
}

TEST(Server, TakesTheTraceOfTraceparent) {
    RunningServer running(routes);
    const std::string id = "4bf92f3577b34da6a3ce929d0e0e4736";
    auto client = running.client();
    EXPECT_EQ(
        text_in(body_of(client.request("GET", "/v1/things/x", {{"traceparent", "00-" + id + "-00f067aa0ba902b7-01"}})),
                "trace"),
        id);
    EXPECT_NE(text_in(body_of(client.request("GET", "/v1/things/x", {{"traceparent", "00-" + id}})), "trace"), id);
}

TEST(Server, ProblemsHaveTheShapeOfRfc9457) {
    RunningServer running(routes);
    auto client = running.client();
    auto response = client.request("GET", "/fail");
    EXPECT_EQ(response.status, 409);
    EXPECT_EQ(response.headers["Content-Type"], "application/problem+json");
    auto body = body_of(response);
    EXPECT_EQ(text_in(body, "type"), "urn:concordat:error:conflict");
    EXPECT_EQ(text_in(body, "title"), std::string(title(Code::conflict)));
    EXPECT_EQ(body["status"], 409);
    EXPECT_EQ(text_in(body, "code"), "conflict");
    EXPECT_EQ(text_in(body, "field"), "/sequence");
    EXPECT_EQ(text_in(body, "rule"), "must be the next one");
    EXPECT_EQ(body["trace"].as_string().size(), 32u);
    EXPECT_EQ(error_of(response).code(), Code::conflict);
    response = client.request("GET", "/fail?kind=other");
    EXPECT_EQ(response.status, 500);
    EXPECT_EQ(response.body.find("secret"), std::string::npos);
    response = client.request("GET", "/nowhere");
    EXPECT_EQ(response.status, 404);
    EXPECT_EQ(text_in(body_of(response), "code"), "not_found");
    EXPECT_EQ(client.request("GET", "/v1/things").status, 404);
    EXPECT_EQ(client.request("GET", "/v1/things/").status, 404);
    response = client.request("DELETE", "/fail");
    EXPECT_EQ(response.status, 405);
    EXPECT_EQ(response.headers["Allow"], "GET, HEAD");
    EXPECT_EQ(client.request("PUT", "/fail", {}, "body").status, 405);  // whose body is not read: closed after
    EXPECT_EQ(client.request("GET", "/integer").body, "7");
}

TEST(Server, AnswersPipelinedRequestsInOrder) {
    RunningServer running(routes);
    RawSocket socket(running.port);
    std::string all = "GET /slow HTTP/1.1\r\nHost: x\r\n\r\n";
    for (int i = 1; i < 10; ++i) all += "GET /integer?n=" + std::to_string(i) + " HTTP/1.1\r\nHost: x\r\n\r\n";
    all +=
        "POST /v1/things/t/parts/p HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: "
        "chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\nT: t\r\n\r\n";
    all += "GET /integer HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    for (std::size_t at = 0; at < all.size(); at += 97) socket.send(std::string_view(all).substr(at, 97));
    const auto text = socket.receive();
    std::size_t at = text.find("\r\n\r\nslow");
    ASSERT_NE(at, std::string::npos);
    for (int i = 1; i < 10; ++i) {
        at = text.find("\r\n\r\n" + std::to_string(i) + "HTTP/1.1 200 OK", at);
        ASSERT_NE(at, std::string::npos) << i;
    }
    EXPECT_NE(text.find(R"("body":"abcde")", at), std::string::npos);
    EXPECT_TRUE(text.ends_with("\r\n\r\n7"));
}

TEST(Server, RefusesBadRequests) {
    RunningServer running(routes);
    const auto answer = [&](std::string_view text) {
        RawSocket socket(running.port);
        socket.send(text);
        const auto all = socket.receive();
        return all.size() < 12 ? all : all.substr(9, 3);
    };
    EXPECT_EQ(answer("nonsense\r\n\r\n"), "400");
    EXPECT_EQ(answer("GET / HTTP/3.0\r\nHost: x\r\n\r\n"), "400");
    EXPECT_EQ(answer("GET /integer HTTP/1.1\r\nConnection: close\r\n\r\n"), "400");  // no Host
    EXPECT_EQ(answer("GET /integer HTTP/1.0\r\n\r\n"), "200");
    EXPECT_EQ(answer("GET http://x/integer HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"), "400");
    EXPECT_EQ(answer("GET /v1/things/%zz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"), "400");
    EXPECT_EQ(
        answer("POST /v1/things/a/parts/b HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nabc"),
        "400");
    EXPECT_EQ(answer("POST /v1/things/a/parts/b HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nTransfer-Encoding: "
                     "chunked\r\n\r\nabc"),
              "400");
    EXPECT_EQ(answer("POST /v1/things/a/parts/b HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n"), "400");
    EXPECT_EQ(answer("POST /v1/things/a/parts/b HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"),
              "400");
    EXPECT_EQ(answer("POST /v1/things/a/parts/b HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1;" +
                     std::string(60'000, 'x')),
              "400");
    EXPECT_EQ(answer("GET /integer HTTP/1.1\r\nHost: x\r\nX: " + std::string(20'000, 'x') + "\r\n\r\n"), "431");
    EXPECT_EQ(answer("GET /" + std::string(40'000, 'x')), "431");
}

TEST(Server, LimitsBodiesPerRoute) {
    RunningServer running(routes);
    auto client = running.client();
    EXPECT_EQ(client.request("POST", "/v1/things/t/parts/p", {}, std::string(100, 'x')).status, 200);
    EXPECT_EQ(client.request("POST", "/v1/things/t/parts/p", {}, std::string(101, 'x')).status, 413);
    EXPECT_EQ(client.request("POST", "/v1/things/t/parts/p", {}, std::string(3'000'000, 'x')).status, 413);
    RawSocket chunked(running.port);
    chunked.send("POST /v1/things/t/parts/p HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n40\r\n" +
                 std::string(64, 'x') + "\r\n40\r\n" + std::string(64, 'x') + "\r\n0\r\n\r\n");
    EXPECT_EQ(chunked.receive().substr(9, 3), "413");
    RawSocket expecting(running.port);
    expecting.send(
        "POST /v1/things/t/parts/p HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nConnection: close\r\nContent-Length: "
        "2\r\n\r\n");
    EXPECT_EQ(expecting.receive("\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
    expecting.send("ab");
    EXPECT_NE(expecting.receive().find(R"("body":"ab")"), std::string::npos);
}

TEST(Server, TimesOutSlowClients) {
    Limits limits;
    limits.header_timeout = limits.body_timeout = milliseconds(200);
    limits.idle_timeout = milliseconds(500);
    RunningServer running(routes, limits);
    RawSocket header(running.port), body(running.port), idle(running.port), trickle(running.port);
    const auto started = monotonic_ns();
    header.send("GET /integer HT");
    body.send("POST /v1/things/t/parts/p HTTP/1.1\r\nHost: x\r\nContent-Length: 50\r\n\r\nabc");
    auto drip = std::async(std::launch::async, [&] {  // a byte now and then does not help
        for (int i = 0; i < 8; ++i) {
            trickle.send("G");
            std::this_thread::sleep_for(milliseconds(50));
        }
    });
    EXPECT_EQ(header.receive().substr(9, 3), "408");
    EXPECT_EQ(body.receive().substr(9, 3), "408");
    drip.get();
    EXPECT_LT(monotonic_ns() - started, 5'000'000'000);
    EXPECT_EQ(idle.receive(), "");
    EXPECT_EQ(running.client().request("GET", "/integer").status, 200);
}

TEST(Server, LimitsConnectionsAndRates) {
    Limits limits;
    limits.connections = 2;
    limits.requests_per_second = 1;
    limits.burst = 3;
    RunningServer running(routes, limits);
    auto client = running.client();
    for (int i = 0; i < 3; ++i) EXPECT_EQ(client.request("GET", "/integer").status, 200);
    const auto refused = client.request("GET", "/integer");
    EXPECT_EQ(refused.status, 429);
    EXPECT_EQ(refused.headers["Retry-After"], "1");
    EXPECT_EQ(text_in(body_of(refused), "code"), "busy");
    RawSocket second(running.port);
    second.send("GET /integer HTTP/1.1\r\nHost: x\r\n\r\n");
    EXPECT_EQ(second.receive("\r\n\r\n").substr(9, 3), "429");
    RawSocket third(running.port);
    EXPECT_EQ(third.receive().substr(9, 3), "503");
}

TEST(RateLimit, RefillsAndStaysBounded) {
    RateLimit<int> limit(10, 2);
    constexpr std::int64_t second = 1'000'000'000;
    EXPECT_EQ(limit.take(1, second), 0);
    EXPECT_EQ(limit.take(1, second), 0);
    EXPECT_EQ(limit.take(1, second), 1);
    EXPECT_EQ(limit.take(2, second), 0);
    EXPECT_EQ(limit.take(1, second + second / 10), 0);
    EXPECT_EQ(limit.take(1, second + second / 10), 1);
    for (int i = 0; i < 100'000; ++i) limit.take(i, 2 * second);
    EXPECT_EQ(limit.size(), RateLimit<int>::max_keys);
    EXPECT_EQ(limit.take(-1, 10 * second), 0);
    EXPECT_EQ(limit.size(), 1u);
}

TEST(Server, StopsGracefully) {
    RunningServer running(routes);
    RawSocket idle(running.port), busy(running.port);
    busy.send("GET /slow HTTP/1.1\r\nHost: x\r\n\r\nGET /integer HTTP/1.1\r\nHost: x\r\n\r\n");
    std::this_thread::sleep_for(milliseconds(100));
    const auto started = monotonic_ns();
    running.stop(milliseconds(5000));
    EXPECT_LT(monotonic_ns() - started, 2'000'000'000);
    EXPECT_EQ(idle.receive(), "");
    const auto text = busy.receive();
    EXPECT_NE(text.find("Connection: close"), std::string::npos);
    EXPECT_TRUE(text.ends_with("slow")) << text;  // the one in flight, and no other
    EXPECT_THROW(running.client().request("GET", "/integer"), Error);
}

TEST(Server, StopDoesNotWaitForEver) {
    RunningServer running([](Server& server, asio::io_context&) {
        server.route(Method::get, "/hang", [](Request) -> asio::awaitable<Response> {
            asio::steady_timer timer(co_await asio::this_coro::executor, milliseconds(1500));
            co_await timer.async_wait(asio::use_awaitable);
            co_return Response{};
        });
    });
    RawSocket socket(running.port);
    socket.send("GET /hang HTTP/1.1\r\nHost: x\r\n\r\n");
    std::this_thread::sleep_for(milliseconds(50));
    const auto started = monotonic_ns();
    asio::co_spawn(running.context, running.server.stop(milliseconds(100)), asio::use_future).get();
    EXPECT_LT(monotonic_ns() - started, 1'000'000'000);
    EXPECT_EQ(socket.receive(), "");
}

TEST(Server, CountsWhatItAnswers) {
    RunningServer running(routes);
    auto client = running.client();
    client.request("GET", "/v1/things/a");
    client.request("GET", "/v1/things/b");
    client.request("GET", "/fail");
    client.request("GET", "/none");
    const auto text = running.on_thread([&] { return running.server.metrics_text(); });
    EXPECT_NE(text.find(R"(concordat_http_requests_total{method="GET",route="/v1/things/{thing}",status="200"} 2)"),
              std::string::npos)
        << text;
    EXPECT_NE(text.find(R"(route="/fail",status="409"} 1)"), std::string::npos);
    EXPECT_NE(text.find(R"(status="404"} 1)"), std::string::npos);
    EXPECT_NE(text.find("concordat_http_request_seconds_bucket"), std::string::npos);
    EXPECT_NE(text.find("concordat_http_connections 1"), std::string::npos);
}

TEST(Server, RefusesAPortInUse) {
    RunningServer running(routes);
    asio::io_context context;
    Server second(context, {"127.0.0.1", running.port, {}});
    EXPECT_THROW(second.start(), Error);
    Server bad(context, {"not an address", 0, {}});
    EXPECT_THROW(bad.start(), Error);
}

}  // namespace
}  // namespace concordat::http
