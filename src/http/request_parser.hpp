// Fills a Request while it is parsed. Beast's own message types would allocate once per field and be copied afterwards.
#pragma once
#include <boost/beast/http/basic_parser.hpp>

#include "message.hpp"

namespace concordat::http {

class RequestParser final : public boost::beast::http::basic_parser<true> {
  public:
    explicit RequestParser(std::size_t header_bytes) {
        header_limit(static_cast<std::uint32_t>(header_bytes));
        body_limit(boost::none);  // the route is not known yet
        eager(false);             // stop after the header
    }
    Request request;
    int version_number() const { return version_; }  // 10 or 11

  private:
    using string_view = boost::beast::string_view;
    using error_code = boost::beast::error_code;
    using verb = boost::beast::http::verb;

    static Method method_of(verb method) {
        switch (method) {
            case verb::get:
                return Method::get;
            case verb::head:
                return Method::head;
            case verb::post:
                return Method::post;
            case verb::put:
                return Method::put;
            case verb::patch:
                return Method::patch;
            case verb::delete_:
                return Method::delete_;
            case verb::options:
                return Method::options;
            default:
                return Method::other;
        }
    }

    void on_request_impl(verb method, string_view, string_view target, int version, error_code&) override {
        version_ = version;
        request.method = method_of(method);
        request.target.assign(target.data(), target.size());
    }
    void on_response_impl(int, string_view, int, error_code&) override {}
    void on_field_impl(boost::beast::http::field, string_view name, string_view value, error_code&) override {
        if (in_header_) request.headers.add({name.data(), name.size()}, {value.data(), value.size()});  // not trailers
    }
    void on_header_impl(error_code&) override { in_header_ = false; }
    void on_body_init_impl(const boost::optional<std::uint64_t>& length, error_code&) override {
        if (length)
            request.body.reserve(static_cast<std::size_t>(*length));  // checked against the route's limit before
    }
    std::size_t on_body_impl(string_view body, error_code&) override {
        request.body.append(body.data(), body.size());
        return body.size();
    }
    void on_chunk_header_impl(std::uint64_t, string_view, error_code&) override {}
    std::size_t on_chunk_body_impl(std::uint64_t, string_view body, error_code&) override {
        request.body.append(body.data(), body.size());
        return body.size();
    }
    void on_finish_impl(error_code&) override {}

    bool in_header_ = true;
    int version_ = 11;
};

}  // namespace concordat::http
