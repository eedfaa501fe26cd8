#include "base/time/clock.h"

namespace ossfs2 {
namespace {

class RealClock final : public Clock {
 public:
  SteadyTime NowSteady() const override { return std::chrono::steady_clock::now(); }
  int64_t NowWallNs() const override {
    return std::chrono::duration_cast<std::chrono::nanoseconds>(
               std::chrono::system_clock::now().time_since_epoch())
        .count();
  }
};

}  // namespace

Clock& Clock::Real() {
  static RealClock* clock = new RealClock;
  return *clock;
}

}  // namespace ossfs2
