#include "oss/exchange/exchange.h"

#include <algorithm>
#include <cerrno>
#include <future>

#include "base/report/log.h"
#include "base/threads/mutex.h"
#include "base/values/str.h"
#include "oss/exchange/retry_state.h"

namespace ossfs2::oss {
namespace {

Error CanceledError(const RequestNames& names) {
  // Programs see it when the mount ends: an errno that they know.
  return MakeError(EIO, ErrorKind::kCanceled, StrCat(DescribeRequest(names), " was canceled"));
}

uint64_t BytesOf(const OssRequest& request) {
  uint64_t bytes = 0;
  for (const auto& piece : request.body) bytes += piece.size();
  return bytes;
}

class Exchange final : public StoreCall, public std::enable_shared_from_this<Exchange> {
 public:
  Exchange(OssContext& context, OssRequest request, Accept accept, ExchangeDone done)
      : context_(context),
        request_(std::move(request)),
        accept_(std::move(accept)),
        done_(std::move(done)),
        started_(context.clock.NowSteady()),
        retry_({context.config.retry_delay_min, context.config.retry_delay_max,
                context.config.throttle_delay_min, request_.attempts_max},
               started_ + context.TimeoutOf(request_), OssContext::AllowanceOf(request_)) {}

  void Start() {
    if (!context_.Register(this, weak_from_this())) canceled_ = true;
    Attempt();
  }

  void Cancel() override EXCLUDES(mutex_) {
    std::shared_ptr<http::Call> call;
    bool was_waiting = false;
    {
      MutexLock lock(mutex_);
      if (finished_) return;
      canceled_ = true;
      call = call_;
      was_waiting = timer_id_ != 0 && context_.timer.Cancel(timer_id_);
    }
    if (call != nullptr) call->Cancel();
    if (was_waiting) FinishElsewhere(CanceledError(context_.Names(request_)));
  }

 private:
  // One attempt; on the executor when keys must be waited for.
  void Attempt() {
    if (context_.credentials.Ready()) {
      AttemptNow();
    } else {
      context_.executor.Run([self = shared_from_this()] { self->AttemptNow(); });
    }
  }

  void AttemptNow() EXCLUDES(mutex_) {
    uint64_t attempt = 0;
    {
      MutexLock lock(mutex_);
      timer_id_ = 0;
      call_.reset();
      attempt = ++attempt_;
    }
    if (canceled_) return FinishElsewhere(CanceledError(context_.Names(request_)));
    const auto keys = context_.credentials.Current();
    if (!keys) {
      context_.executor.Run(
          [self = shared_from_this(), error = keys.error()] { self->OnFailure(FailureOf(error)); });
      return;
    }
    used_keys_ = *keys;
    context_.metrics.OnAttempt(request_.operation);
    auto call = context_.http.Start(BuildAttempt(**keys), nullptr,
                                    [self = shared_from_this()](Result<http::Response> response,
                                                                const http::CallReport& report) {
                                      self->OnResponse(std::move(response), report);
                                    });
    {
      MutexLock lock(mutex_);
      if (attempt != attempt_ || finished_) return;  // it ended already
      call_ = call;
    }
    if (canceled_ && call != nullptr) call->Cancel();
  }

  // What a body may need beyond the deadline is for bytes that move: an attempt in which none does must not use it up.
  http::Request BuildAttempt(const KeySet& keys) const {
    http::Request built = context_.Build(request_, keys, retry_.last_moment());
    if (request_.body.empty()) return built;
    using std::chrono::milliseconds;
    const auto left = std::chrono::ceil<milliseconds>(retry_.deadline() - context_.clock.NowSteady());
    built.connect_timeout = std::clamp(left, milliseconds(1), built.connect_timeout);
    built.stall_timeout = std::min(built.stall_timeout, context_.TimeoutOf(request_));
    built.slow_bytes_per_s = context_.pace_sent.Limit();
    return built;
  }

  void OnResponse(Result<http::Response> response, const http::CallReport& report) {
    retry_.OnMoved(report.moving);
    if (response)
      context_.pace_sent.OnMoved(BytesOf(request_), report.moving);
    else if (report.cause == http::Cause::kSlow)
      context_.pace_sent.OnTooSlow();
    const RequestNames names = context_.Names(request_);
    if (!response) return OnFailure(JudgeTransport(response.error(), report, names, context_.endpoint));
    retry_.CountLost(report.answers_lost);
    auto failure = JudgeAnswer(response->head, response->body, names, context_.endpoint);
    Answer answer{std::move(response->head), std::move(response->body)};
    if (!failure && accept_ != nullptr) failure = accept_(answer);
    if (failure) return OnFailure(std::move(*failure));
    context_.served_keys.OnServed();
    context_.versions.Note(answer.head);
    Finish(std::move(answer));
  }

  void OnFailure(Failure failure) EXCLUDES(mutex_) {
    context_.metrics.OnFailure(failure.error);
    RepeatOrFinish(std::move(failure));
  }

  void RepeatOrFinish(Failure failure) EXCLUDES(mutex_) {
    if (canceled_) return Finish(CanceledError(context_.Names(request_)));
    const bool is_lost = failure.answers_lost > 0 && !request_.repeat_when_lost;
    failure.keys_awaited = failure.remedy == Remedy::kRefresh && context_.AwaitsKeys();
    const auto decision = retry_.Decide(failure, context_.clock.NowSteady(), context_.Random());
    if (decision.action == RetryState::Action::kGiveUp || is_lost)
      return Finish(Final(std::move(failure.error)));
    context_.metrics.retries.Add();
    LogLimited(LogLevel::kDebug, StrCat(failure.error.ToString(), " Trying again."));
    // A put that may not overwrite has published damaged bytes: the repeat must replace them.
    if (failure.published_damaged) {
      std::erase_if(request_.headers,
                    [](const auto& header) { return header.first == "x-oss-forbid-overwrite"; });
    }
    last_error_ = std::move(failure.error);
    switch (decision.action) {
      case RetryState::Action::kRefresh:
        context_.executor.Run([self = shared_from_this()] { self->RefreshAndRepeat(); });
        return;
      case RetryState::Action::kLearnClock:
        context_.LearnClock(*failure.date_s);
        context_.executor.Run([self = shared_from_this()] { self->Attempt(); });
        return;
      default:
        WaitAndRepeat(decision.delay);
    }
  }

  void RefreshAndRepeat() {
    Status refreshed = context_.RefreshKeys(used_keys_, last_error_);
    if (refreshed) return Attempt();
    retry_.OnRefreshFailed();
    RepeatOrFinish(FailureOf(std::move(refreshed.error())));
  }

  void WaitAndRepeat(std::chrono::milliseconds delay) EXCLUDES(mutex_) {
    {
      MutexLock lock(mutex_);
      if (!canceled_) {
        timer_id_ = context_.timer.After(delay, [self = shared_from_this()] { self->Attempt(); });
        return;
      }
    }
    Finish(CanceledError(context_.Names(request_)));
  }

  // The error with how long it was tried.
  Error Final(Error error) {
    if (retry_.attempts() > 1 && error.retryable) {
      const auto spent =
          std::chrono::duration_cast<std::chrono::seconds>(context_.clock.NowSteady() - started_);
      error.text += StrCat(" Tried ", retry_.attempts(), " times in ", spent.count(), " s.");
    }
    return error;
  }

  void FinishElsewhere(Error error) {
    context_.executor.Run([self = shared_from_this(), error = std::move(error)] { self->Finish(error); });
  }

  void Finish(Result<Answer> result) EXCLUDES(mutex_) {
    ExchangeDone done;
    {
      MutexLock lock(mutex_);
      if (finished_) return;
      finished_ = true;
      call_.reset();
      done = std::move(done_);
    }
    context_.metrics.OnOperationEnd(request_.operation, context_.clock.NowSteady() - started_);
    done({std::move(result), retry_.answers_lost()});
    done = nullptr;
    context_.Unregister(this);
  }

  OssContext& context_;
  OssRequest request_;
  const Accept accept_;
  ExchangeDone done_;
  const SteadyTime started_;
  // Attempts follow one another: these need no lock.
  RetryState retry_;
  SharedKeys used_keys_;
  Error last_error_;

  std::atomic<bool> canceled_{false};
  Mutex mutex_;
  std::shared_ptr<http::Call> call_ GUARDED_BY(mutex_);
  Timer::Id timer_id_ GUARDED_BY(mutex_) = 0;
  uint64_t attempt_ GUARDED_BY(mutex_) = 0;
  bool finished_ GUARDED_BY(mutex_) = false;
};

}  // namespace

std::shared_ptr<StoreCall> StartExchange(OssContext& context, OssRequest request, Accept accept,
                                         ExchangeDone done) {
  auto exchange = std::make_shared<Exchange>(context, std::move(request), std::move(accept), std::move(done));
  exchange->Start();
  return exchange;
}

Outcome RunExchange(OssContext& context, OssRequest request, Accept accept) {
  std::promise<Outcome> promise;
  auto future = promise.get_future();
  const auto call = StartExchange(context, std::move(request), std::move(accept),
                                  [&promise](Outcome outcome) { promise.set_value(std::move(outcome)); });
  return future.get();
}

}  // namespace ossfs2::oss
