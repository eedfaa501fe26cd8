// A clock for tests that move it while other threads look at it.
#pragma once

#include <mutex>

#include "base/time/clock.h"

namespace ossfs2::test {

class SharedClock final : public Clock {
 public:
  SteadyTime NowSteady() const override {
    std::lock_guard lock(mutex_);
    return clock_.NowSteady();
  }
  int64_t NowWallNs() const override {
    std::lock_guard lock(mutex_);
    return clock_.NowWallNs();
  }
  void Advance(std::chrono::nanoseconds by) {
    std::lock_guard lock(mutex_);
    clock_.Advance(by);
  }

 private:
  mutable std::mutex mutex_;
  FakeClock clock_;
};

}  // namespace ossfs2::test
