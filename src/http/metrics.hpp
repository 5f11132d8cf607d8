// The server's counters, with what a request touches looked up once per route and status.
#pragma once
#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace concordat::http {

class RouteMetrics {
  public:
    void count(int status, double seconds);

  private:
    friend class Metrics;
    prometheus::Family<prometheus::Counter>* requests_ = nullptr;
    prometheus::Histogram* seconds_ = nullptr;
    std::string route_, method_;
    std::vector<std::pair<int, prometheus::Counter*>> by_status_;
};

class Metrics {
  public:
    Metrics();
    RouteMetrics route(std::string_view pattern, std::string_view method);
    prometheus::Gauge& connections() { return *connections_; }
    std::string text() const;
    prometheus::Registry& registry() { return *registry_; }

  private:
    std::unique_ptr<prometheus::Registry> registry_;
    prometheus::Family<prometheus::Counter>* requests_;
    prometheus::Family<prometheus::Histogram>* seconds_;
    prometheus::Gauge* connections_;
};

}  // namespace concordat::http
