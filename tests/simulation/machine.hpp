// The machine that a node and its enclave run on: its clock may be wrong, it may stand still for a while and then go on
// with all that has come in the meantime, and with a crash everything that was under way in it is gone.
#pragma once
#include <deque>
#include <utility>

#include "loop.hpp"

namespace concordat::simulation {

class Machine final : public Timeline {
  public:
    explicit Machine(Loop& loop) : loop_(loop) {}

    TimeMs now() override { return loop_.now() + wrong_by_; }
    TimeMs passed() override { return loop_.now(); }
    void after(TimeMs delay_ms, std::function<void()> what) override {
        loop_.after(delay_ms, [this, life = life_, what = std::move(what)]() mutable {
            if (life == life_) enter(std::move(what));
        });
    }
    // What comes from outside, at once or when the machine goes on.
    void enter(std::function<void()> what) { frozen_ ? waiting_.push_back(std::move(what)) : what(); }
    // The same; what asked for it is gone after a crash.
    std::function<void(std::function<void()>)> door() {
        return [this, life = life_](std::function<void()> what) {
            if (life == life_) enter(std::move(what));
        };
    }

    void freeze() { frozen_ = true; }
    void thaw() {
        frozen_ = false;
        for (auto& what : std::exchange(waiting_, {})) after(0, std::move(what));
    }
    void crash() {
        ++life_;
        frozen_ = false;
        waiting_.clear();
    }
    void set_clock(TimeMs wrong_by) { wrong_by_ = wrong_by; }
    std::uint64_t life() const { return life_; }
    bool frozen() const { return frozen_; }

  private:
    Loop& loop_;
    TimeMs wrong_by_ = 0;
    bool frozen_ = false;
    std::uint64_t life_ = 0;
    std::deque<std::function<void()>> waiting_;
};

}  // namespace concordat::simulation
