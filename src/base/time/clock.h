// Clock: time as an injected interface, so that tests never sleep for it.
//
// NowSteady measures durations; NowWall is the wall clock in nanoseconds since
// 1970 for dates and attributes. Thread-safe.
#pragma once

#include <chrono>
#include <cstdint>

namespace ossfs2 {

using SteadyTime = std::chrono::steady_clock::time_point;

class Clock {
 public:
  virtual ~Clock() = default;
  virtual SteadyTime NowSteady() const = 0;
  virtual int64_t NowWallNs() const = 0;
  // The clock of the machine; lives for ever.
  static Clock& Real();
};

// A clock that moves only when told; for tests.
class FakeClock final : public Clock {
 public:
  SteadyTime NowSteady() const override { return steady_; }
  int64_t NowWallNs() const override { return wall_ns_; }
  void Advance(std::chrono::nanoseconds by) {
    steady_ += by;
    wall_ns_ += by.count();
  }

 private:
  SteadyTime steady_{std::chrono::hours(1)};
  int64_t wall_ns_ = 1'700'000'000'000'000'000;
};

}  // namespace ossfs2
