// RetryState: what one operation has tried, and whether, when and how it tries again.
//
// Full-jitter back-off (a random wait up to delay_min * 2^n, at most delay_max), longer when throttled,
// at least Retry-After, for the whole deadline (a wait beyond it becomes half of what is left, down to delay_min); one
// credential refresh (more while the source fails, or other keys may replace those that were refused) and two clock
// corrections besides (the answer of one server with a wrong clock must not spoil all that follow). The time in which
// bytes of an upload moved does not count, up to an allowance: a slow network gets what its body needs, and a dead one
// no more than a request without a body.
// Not thread-safe: its operation uses it from one thread at a time.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <optional>

#include "base/time/clock.h"
#include "oss/protocol/error_table.h"
#include "ossfs2/status.h"

namespace ossfs2::oss {

struct RetryLimits {
  std::chrono::milliseconds delay_min{100};
  std::chrono::milliseconds delay_max{5000};
  std::chrono::milliseconds throttle_delay_min{1000};
  int attempts_max = 0;  // 0: only the deadline counts
};

// An attempt that failed, judged.
struct Failure {
  Error error;
  Remedy remedy = Remedy::kNone;
  std::optional<std::chrono::milliseconds> retry_after;  // the service's wish
  std::optional<int64_t> date_s;                         // the answer's Date, for kClock
  // So many times the service may have done what was asked: no answer came, or one that cannot be believed.
  int answers_lost = 0;
  // For kRefresh: others may come in place of the keys that were refused.
  bool keys_awaited = false;
  // A put stored other bytes than were sent.
  bool published_damaged = false;
};

class RetryState {
 public:
  RetryState(const RetryLimits& limits, SteadyTime deadline, std::chrono::nanoseconds allowance = {})
      : limits_(limits), deadline_(deadline), allowance_(allowance) {}

  enum class Action : uint8_t { kGiveUp, kWait, kRefresh, kLearnClock };
  struct Decision {
    Action action = Action::kGiveUp;
    std::chrono::milliseconds delay{0};
  };
  // `random` is uniform in [0, 1).
  Decision Decide(const Failure& failure, SteadyTime now, double random);

  // Of an attempt that was answered, by requests of it that were not.
  void CountLost(int answers) { answers_lost_ += answers; }
  // Bytes came: the back-off starts over and the deadline moves.
  void OnProgress(SteadyTime deadline) {
    waits_ = 0;
    deadline_ = deadline;
  }
  // Bytes of an attempt's body moved for so long.
  void OnMoved(std::chrono::nanoseconds time) {
    const auto granted = std::min(std::max(time, std::chrono::nanoseconds(0)), allowance_);
    allowance_ -= granted;
    deadline_ += granted;
  }
  // Keys could not be refreshed for now: after a wait it is tried again.
  void OnRefreshFailed() { refreshed_ = false; }
  // No attempt begins later.
  SteadyTime deadline() const { return deadline_; }
  // No attempt lasts longer.
  SteadyTime last_moment() const { return deadline_ + allowance_; }
  int attempts() const { return attempts_; }
  int answers_lost() const { return answers_lost_; }  // of the attempts so far

 private:
  static constexpr int kClockLearnMax = 2;
  const RetryLimits limits_;
  SteadyTime deadline_;
  std::chrono::nanoseconds allowance_;
  int attempts_ = 0;  // failed ones
  int waits_ = 0;
  bool refreshed_ = false;
  int clock_learned_ = 0;
  int answers_lost_ = 0;
};

}  // namespace ossfs2::oss
