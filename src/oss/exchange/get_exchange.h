// GetExchange: one ranged GET of data, streamed into a DataSink, with resumption and hedging.
//
// Every answer is checked (206, Content-Range, length, ETag) before its first byte is let through; a short or
// broken body goes on from the last delivered byte of the same version. The bytes go from the HTTP client
// straight into the sink's memory. When the range is the whole object its CRC64 is compared at the end.
// Threads: as exchange.h. Sink and done run on network threads.
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <vector>

#include "base/threads/mutex.h"
#include "oss/exchange/get_attempt.h"
#include "oss/exchange/get_delivery.h"
#include "oss/exchange/oss_context.h"
#include "oss/exchange/retry_state.h"
#include "ossfs2/object_store.h"

namespace ossfs2::oss {

// Attempts come in rounds: a round has one attempt, or two when hedged. The first of a round whose head is
// right claims it; only that one touches the sink. A late answer of an earlier round is dropped.
// get_exchange.cc has the rounds, get_exchange_repeat.cc what follows a round that failed.
class GetExchange final : public StoreCall,
                          public GetAttempt::Parent,
                          public std::enable_shared_from_this<GetExchange> {
 public:
  GetExchange(OssContext& context, GetRequest request, std::shared_ptr<DataSink> sink,
              std::function<void(Status)> done);

  void Start() EXCLUDES(mutex_);
  void Cancel() override EXCLUDES(mutex_);
  RequestNames Names() const override { return {"get", request_.key, endpoint_->bucket, endpoint_->text}; }
  bool Claim(const GetAttempt& attempt, const RangePromise& promise) override EXCLUDES(mutex_);
  void OnAttemptDone(GetAttempt& attempt, Result<http::Response> response, const http::CallReport& report) override
      EXCLUDES(mutex_);

 private:
  Error CanceledError() const;
  void BeginRound() EXCLUDES(mutex_);
  void HedgeAfter(std::chrono::nanoseconds delay) REQUIRES(mutex_);
  void Hedge(std::chrono::nanoseconds delay) EXCLUDES(mutex_);
  void EndStarting() EXCLUDES(mutex_);
  void Launch(int round, bool is_hedge) EXCLUDES(mutex_);
  void Send(int round, bool is_hedge) EXCLUDES(mutex_);
  void OnNoKeys(int round, Error error) EXCLUDES(mutex_);
  void OnFailure(Failure failure);
  void RepeatOrFinish(Failure failure);
  void RefreshAndRepeat();
  void WaitAndRepeat(std::chrono::milliseconds delay) EXCLUDES(mutex_);
  void Finish(Status status) EXCLUDES(mutex_);
  void FinishElsewhere(Error error);

  OssContext& context_;
  const std::shared_ptr<const Endpoint> endpoint_;
  const GetRequest request_;
  std::function<void(Status)> done_;
  const SteadyTime started_;

  // Only the claimed attempt and what follows it use these.
  GetDelivery delivery_;
  RetryState retry_;
  Error last_error_;
  SharedKeys used_keys_;

  std::atomic<bool> canceled_{false};
  Mutex mutex_;
  std::vector<std::shared_ptr<http::Call>> calls_ GUARDED_BY(mutex_);
  Timer::Id retry_timer_ GUARDED_BY(mutex_) = 0;
  Timer::Id hedge_timer_ GUARDED_BY(mutex_) = 0;
  int round_ GUARDED_BY(mutex_) = 0;
  bool is_claimed_ GUARDED_BY(mutex_) = false;
  int in_flight_ GUARDED_BY(mutex_) = 0;
  int starting_ GUARDED_BY(mutex_) = 0;  // keeps the context alive while it is used outside the lock
  bool finished_ GUARDED_BY(mutex_) = false;
};

std::shared_ptr<StoreCall> StartGet(OssContext& context, GetRequest request, std::shared_ptr<DataSink> sink,
                                    std::function<void(Status)> done);

}  // namespace ossfs2::oss
