#include "oss/exchange/get_exchange.h"

#include <cerrno>
#include <utility>

#include "base/values/str.h"
#include "oss/exchange/answer_check.h"

namespace ossfs2::oss {

GetExchange::GetExchange(OssContext& context, GetRequest request, std::shared_ptr<DataSink> sink,
                         std::function<void(Status)> done)
    : context_(context),
      endpoint_(context.shared_endpoint),
      request_(std::move(request)),
      done_(std::move(done)),
      started_(context.clock.NowSteady()),
      delivery_(request_, std::move(sink), context.config.check_crc64),
      retry_({context.config.retry_delay_min, context.config.retry_delay_max,
              context.config.throttle_delay_min, 0},
             started_ + context.config.request_timeout.value()) {}

void GetExchange::Start() {
  if (!context_.Register(this, weak_from_this())) canceled_ = true;
  if (const auto delay = context_.hedge.DelayFor(request_.size)) {
    context_.IsShortOfProcessors();  // so that the look at the end of the delay is of that time
    MutexLock lock(mutex_);
    HedgeAfter(*delay);
  }
  BeginRound();
}

void GetExchange::Cancel() {
  std::vector<std::shared_ptr<http::Call>> calls;
  bool was_waiting = false;
  {
    MutexLock lock(mutex_);
    if (finished_) return;
    canceled_ = true;
    calls = calls_;
    was_waiting = retry_timer_ != 0 && context_.timer.Cancel(retry_timer_);
    if (was_waiting) ++starting_;
  }
  for (const auto& call : calls) call->Cancel();
  if (was_waiting) {
    FinishElsewhere(CanceledError());
    EndStarting();
  }
}

Error GetExchange::CanceledError() const {
  return MakeError(EIO, ErrorKind::kCanceled, StrCat(DescribeRequest(Names()), " was canceled"));
}

// The next round; the one before has no attempt that may touch the sink.
void GetExchange::BeginRound() {
  int round = 0;
  {
    MutexLock lock(mutex_);
    retry_timer_ = 0;
    round = ++round_;
    is_claimed_ = false;
    in_flight_ = 1;
    ++starting_;
    calls_.clear();
  }
  Launch(round, false);
  EndStarting();
}

void GetExchange::HedgeAfter(std::chrono::nanoseconds delay) {
  hedge_timer_ = context_.timer.After(delay, [self = shared_from_this(), delay] { self->Hedge(delay); });
}

// The second attempt of the first round, when nothing has come. While processors are short, what is late is most
// likely this machine, and a second request would make it later: looks again after the same time.
void GetExchange::Hedge(std::chrono::nanoseconds delay) {
  {
    MutexLock lock(mutex_);
    if (finished_ || canceled_ || round_ != 1 || is_claimed_ || in_flight_ != 1) return;
    if (context_.IsShortOfProcessors()) return HedgeAfter(delay);
    if (!context_.hedge.TakeHedge()) return;
    ++in_flight_;
    ++starting_;
  }
  context_.metrics.hedges.Add();
  Launch(1, true);
  EndStarting();
}

void GetExchange::EndStarting() {
  {
    MutexLock lock(mutex_);
    if (--starting_ > 0 || !finished_) return;
  }
  context_.Unregister(this);
}

void GetExchange::Launch(int round, bool is_hedge) {
  if (context_.credentials.Ready()) return Send(round, is_hedge);
  {
    MutexLock lock(mutex_);
    ++starting_;
  }
  context_.executor.Run([self = shared_from_this(), round, is_hedge] {
    self->Send(round, is_hedge);
    self->EndStarting();
  });
}

void GetExchange::Send(int round, bool is_hedge) {
  {
    MutexLock lock(mutex_);
    if (finished_ || round != round_) return;
  }
  if (canceled_ && !is_hedge) return FinishElsewhere(CanceledError());
  const auto keys = context_.credentials.Current();
  if (!keys) return OnNoKeys(round, keys.error());
  // A hedge starts beside an attempt that may be delivering already.
  const uint64_t first = is_hedge ? request_.offset : delivery_.next();
  const uint64_t size = request_.offset + request_.size - first;
  GetAttempt::Ask ask{request_.key, first, size, is_hedge ? request_.etag : delivery_.etag(), round, is_hedge};
  const auto call =
      std::make_shared<GetAttempt>(shared_from_this(), context_, delivery_, std::move(ask), *keys)->Start();
  {
    MutexLock lock(mutex_);
    if (finished_ || round != round_) return;
    calls_.push_back(call);
  }
  if (canceled_ && call != nullptr) call->Cancel();
}

// An attempt that could not be sent counts as one that failed.
void GetExchange::OnNoKeys(int round, Error error) {
  {
    MutexLock lock(mutex_);
    if (finished_ || round != round_) return;
    --in_flight_;
    if (is_claimed_ || in_flight_ > 0) return;  // the other attempt decides
    is_claimed_ = true;
  }
  context_.executor.Run(
      [self = shared_from_this(), failure = FailureOf(std::move(error))] { self->OnFailure(failure); });
}

bool GetExchange::Claim(const GetAttempt& attempt, const RangePromise& promise) {
  {
    MutexLock lock(mutex_);
    if (finished_ || is_claimed_ || attempt.round() != round_) return false;
    is_claimed_ = true;
  }
  context_.hedge.OnFirstByte(std::chrono::steady_clock::now() - attempt.sent());
  if (attempt.is_hedge()) context_.metrics.hedges_won.Add();
  delivery_.Begin(promise);
  return true;
}

void GetExchange::OnAttemptDone(GetAttempt& attempt, Result<http::Response> response,
                                const http::CallReport& report) {
  std::vector<std::shared_ptr<http::Call>> others;
  {
    MutexLock lock(mutex_);
    if (finished_ || attempt.round() != round_) return;
    --in_flight_;
    if (!attempt.is_owner() && (is_claimed_ || in_flight_ > 0)) return;  // the other attempt decides
    // Nobody else may claim this round any more.
    is_claimed_ = true;
    others = std::move(calls_);
    calls_.clear();
  }
  for (const auto& call : others) {
    if (call != nullptr) call->Cancel();  // a hedge that lost; the ended call ignores it
  }
  const bool is_canceled = canceled_ || (attempt.is_owner() && delivery_.sink_gave_up());
  auto failure = is_canceled ? FailureOf(CanceledError()) : attempt.TakeFailure(response, report);
  if (failure) {
    if (attempt.has_delivered()) {
      retry_.OnProgress(context_.clock.NowSteady() + context_.config.request_timeout.value());
    }
    used_keys_ = attempt.keys();
    return OnFailure(std::move(*failure));
  }
  if (delivery_.damaged()) {
    context_.metrics.OnError("Crc64Mismatch");
    return Finish(
        CorruptAnswer(Names(), "the CRC64 of the received bytes is not the object's: damaged on the way",
                      kDamagedReadAdvice)
            .error);
  }
  Finish({});
}

void GetExchange::Finish(Status status) {
  std::function<void(Status)> done;
  {
    MutexLock lock(mutex_);
    if (finished_) return;
    finished_ = true;
    ++starting_;
    done = std::move(done_);
    calls_.clear();
    if (hedge_timer_ != 0) context_.timer.Cancel(hedge_timer_);
  }
  context_.metrics.OnOperationEnd("get", context_.clock.NowSteady() - started_);
  done(std::move(status));
  done = nullptr;
  EndStarting();
}

void GetExchange::FinishElsewhere(Error error) {
  context_.executor.Run([self = shared_from_this(), error = std::move(error)] { self->Finish(error); });
}

std::shared_ptr<StoreCall> StartGet(OssContext& context, GetRequest request, std::shared_ptr<DataSink> sink,
                                    std::function<void(Status)> done) {
  auto exchange =
      std::make_shared<GetExchange>(context, std::move(request), std::move(sink), std::move(done));
  exchange->Start();
  return exchange;
}

}  // namespace ossfs2::oss
