// Whether a server is worth asking now. One that fails rests for a while, longer each time.
#pragma once
#include <base/error.hpp>
#include <string>

#include "url.hpp"

namespace concordat::ledger::net {

class Standing {
  public:
    bool usable() const { return std::chrono::steady_clock::now() >= rests_until_; }
    const std::string& problem() const { return problem_; }  // the last one, empty when it works
    void worked();
    void failed(Code code, std::string problem);

  private:
    unsigned failures_ = 0;
    std::string problem_ = "not asked yet";
    Deadline rests_until_{};
};

}  // namespace concordat::ledger::net
