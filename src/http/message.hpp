// What a handler receives and answers. Free of Asio and Beast, so that including it is cheap.
#pragma once
#include <base/error.hpp>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace concordat::http {

enum class Method : std::uint8_t { get, head, post, put, patch, delete_, options, other };
inline constexpr std::size_t method_count = 8;
std::string_view method_name(Method method);  // "GET"; "OTHER" for other

// Header fields in the order they came; names compare without case. Kept in one string: no allocation per field.
class Headers {
  public:
    void add(std::string_view name, std::string_view value);
    std::string_view operator[](std::string_view name) const;  // the first of that name; "" when absent
    bool contains(std::string_view name) const;
    std::size_t size() const { return spans_.size(); }
    std::string_view name(std::size_t index) const;
    std::string_view value(std::size_t index) const;

  private:
    struct Span {
        std::uint32_t begin, name_size, value_size;
    };
    std::string text_;
    std::vector<Span> spans_;
};

using Pairs = std::vector<std::pair<std::string, std::string>>;

struct Request {
    Method method = Method::get;
    std::string target;  // as received, with the query
    std::string path;    // as received, without it
    Headers headers;
    std::string body;
    std::string peer;   // the address, without the port
    std::string trace;  // 32 hexadecimal digits: from `traceparent` (W3C Trace Context), or made here
    Pairs params;       // decoded path parameters, in the order of the pattern
    Pairs query;        // decoded, in the order received

    const std::string& param(std::string_view name) const;  // aborts when the route's pattern has no such parameter
    std::optional<std::string_view> query_value(std::string_view name) const;  // the first of that name
    // Throws Error(bad_format) naming the query parameter; `otherwise` when it is absent.
    std::int64_t query_integer(std::string_view name, std::int64_t otherwise, std::int64_t min, std::int64_t max) const;
};

class EventStream;

struct Response {
    int status = 200;
    std::string content_type = "application/json";  // "" sends none
    Pairs headers{};  // must not hold Content-Length, Connection, Date or Transfer-Encoding; line breaks become spaces
    std::string body{};
    std::shared_ptr<EventStream> events{};  // when set, the body is this stream (event_stream.hpp)
};

// RFC 9457 application/problem+json: type "urn:concordat:error:<code>", title, status, detail, code, field, rule,
// trace.
Response problem(const Error& error, std::string_view trace);
Response problem(int status, const Error& error, std::string_view trace);

bool equal_ignoring_case(std::string_view a, std::string_view b);  // ASCII

}  // namespace concordat::http
