#include "oss/exchange/retry_state.h"

#include <algorithm>

namespace ossfs2::oss {

RetryState::Decision RetryState::Decide(const Failure& failure, SteadyTime now, double random) {
  ++attempts_;
  answers_lost_ += failure.answers_lost;
  if (limits_.attempts_max > 0 && attempts_ >= limits_.attempts_max) return {};
  if (now >= deadline_) return {};
  switch (failure.remedy) {
    case Remedy::kNone:
      return {};
    case Remedy::kRefresh:
      if (!refreshed_) {
        refreshed_ = true;
        return {Action::kRefresh, {}};
      }
      if (!failure.keys_awaited) return {};
      refreshed_ = false;  // after a wait the source is asked again
      break;
    case Remedy::kClock:
      if (clock_learned_ == kClockLearnMax || !failure.date_s) return {};
      ++clock_learned_;
      return {Action::kLearnClock, {}};
    case Remedy::kRetry:
    case Remedy::kThrottle:
      break;
  }
  const auto first = failure.remedy == Remedy::kThrottle ? limits_.throttle_delay_min : limits_.delay_min;
  const int doublings = std::min(waits_++, 10);
  const auto cap = std::min(limits_.delay_max, first * (1 << doublings));
  std::chrono::milliseconds delay(static_cast<int64_t>(random * static_cast<double>(cap.count())));
  const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline_ - now);
  if (failure.retry_after) delay = std::max(delay, *failure.retry_after);
  if (delay >= left) {
    // A wait that was drawn too long must not end a call that has time, and so not a wish either: proxies in front of a
    // service that restarts ask for minutes or an hour. Half of what is left, until that is no pause any more.
    delay = left / 2;
    if (failure.retry_after && *failure.retry_after < left) delay = std::max(delay, *failure.retry_after);
    if (delay < limits_.delay_min) return {};
  }
  return {Action::kWait, delay};
}

}  // namespace ossfs2::oss
