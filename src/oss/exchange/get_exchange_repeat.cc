// What follows a round of a GetExchange that failed: another one, soon or later, or the end.
#include <utility>

#include "base/values/str.h"
#include "oss/exchange/answer_check.h"
#include "oss/exchange/get_exchange.h"

namespace ossfs2::oss {

void GetExchange::OnFailure(Failure failure) {
  context_.metrics.OnFailure(failure.error);
  RepeatOrFinish(std::move(failure));
}

void GetExchange::RepeatOrFinish(Failure failure) {
  if (canceled_) return Finish(CanceledError());
  failure.keys_awaited = failure.remedy == Remedy::kRefresh && context_.AwaitsKeys();
  const auto decision = retry_.Decide(failure, context_.clock.NowSteady(), context_.Random());
  if (decision.action == RetryState::Action::kGiveUp) {
    if (retry_.attempts() > 1 && failure.error.retryable) {
      failure.error.text += StrCat(" Tried ", retry_.attempts(), " times.");
    }
    return Finish(std::move(failure.error));
  }
  context_.metrics.retries.Add();
  last_error_ = std::move(failure.error);
  switch (decision.action) {
    case RetryState::Action::kRefresh:
      context_.executor.Run([self = shared_from_this()] { self->RefreshAndRepeat(); });
      return;
    case RetryState::Action::kLearnClock:
      context_.LearnClock(*failure.date_s);
      context_.executor.Run([self = shared_from_this()] { self->BeginRound(); });
      return;
    default:
      WaitAndRepeat(decision.delay);
  }
}

void GetExchange::RefreshAndRepeat() {
  Status refreshed = context_.RefreshKeys(used_keys_, last_error_);
  if (refreshed) return BeginRound();
  retry_.OnRefreshFailed();
  RepeatOrFinish(FailureOf(std::move(refreshed.error())));
}

void GetExchange::WaitAndRepeat(std::chrono::milliseconds delay) {
  {
    MutexLock lock(mutex_);
    if (!canceled_) {
      retry_timer_ = context_.timer.After(delay, [self = shared_from_this()] { self->BeginRound(); });
      return;
    }
  }
  Finish(CanceledError());
}

}  // namespace ossfs2::oss
