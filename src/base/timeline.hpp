// Time that passes: what a component needs to do something later. The node gives it its event loop, a simulation its
// own.
#pragma once
#include <functional>

#include "clock.hpp"

namespace concordat {

class Timeline : public Clock {
  public:
    // Since some instant: tells how long something takes, whatever is done to the clock meanwhile.
    virtual TimeMs passed() { return now(); }
    // Calls `what` once, `delay_ms` from now or later, never before returning. Calls that fall due at one time run in
    // the order in which they were asked for.
    virtual void after(TimeMs delay_ms, std::function<void()> what) = 0;
};

}  // namespace concordat
