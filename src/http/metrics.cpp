#include "metrics.hpp"

#include <prometheus/text_serializer.h>

namespace concordat::http {

void RouteMetrics::count(int status, double seconds) {
    seconds_->Observe(seconds);
    for (const auto& [known, counter] : by_status_) {
        if (known == status) return counter->Increment();
    }
    auto& counter = requests_->Add({{"route", route_}, {"method", method_}, {"status", std::to_string(status)}});
    by_status_.emplace_back(status, &counter);
    counter.Increment();
}

Metrics::Metrics() : registry_(std::make_unique<prometheus::Registry>()) {
    requests_ = &prometheus::BuildCounter()
                     .Name("concordat_http_requests_total")
                     .Help("Requests answered")
                     .Register(*registry_);
    seconds_ = &prometheus::BuildHistogram()
                    .Name("concordat_http_request_seconds")
                    .Help("From the end of a request's header to its answer")
                    .Register(*registry_);
    connections_ = &prometheus::BuildGauge()
                        .Name("concordat_http_connections")
                        .Help("Open connections")
                        .Register(*registry_)
                        .Add({});
}

RouteMetrics Metrics::route(std::string_view pattern, std::string_view method) {
    static const prometheus::Histogram::BucketBoundaries bounds{0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05,
                                                                0.1,    0.2,   0.5,   1,     2,    5,    10};
    RouteMetrics metrics;
    metrics.requests_ = requests_;
    metrics.route_ = pattern;
    metrics.method_ = method;
    metrics.seconds_ = &seconds_->Add({{"route", metrics.route_}, {"method", metrics.method_}}, bounds);
    return metrics;
}

std::string Metrics::text() const { return prometheus::TextSerializer().Serialize(registry_->Collect()); }

}  // namespace concordat::http
