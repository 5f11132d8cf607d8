#include "standing.hpp"

#include <algorithm>

namespace concordat::ledger::net {

using std::chrono::steady_clock;

namespace {

constexpr std::chrono::milliseconds first_rest{100};
constexpr std::chrono::milliseconds longest_rest{10'000};
constexpr std::chrono::milliseconds foreign_rest{60'000};  // another ledger does not become this one soon

}  // namespace

void Standing::worked() {
    failures_ = 0;
    problem_.clear();
    rests_until_ = {};
}

void Standing::failed(Code code, std::string problem) {
    problem_ = std::move(problem);
    if (code == Code::wrong_ledger) {
        rests_until_ = steady_clock::now() + foreign_rest;
    } else if (usable()) {  // many requests that fail together are one failure
        rests_until_ = steady_clock::now() + std::min(longest_rest, first_rest * (1 << std::min(failures_, 10u)));
        ++failures_;
    }
}

}  // namespace concordat::ledger::net
