#include "data/read/fetch/fetch_scheduler.h"

#include <algorithm>

#include "base/machine/processors.h"
#include "base/threads/in_turn.h"
#include "data/read/shared/read_metrics.h"

namespace ossfs2 {
namespace {
// A core moves 1 GB/s at most, which is 16 connections of 100 MB/s with their latency; more GETs only cost.
int LimitStart() {
  constexpr int kGetsPerCore = 16;
  const int cores = UsableProcessors();
  return std::clamp(cores * kGetsPerCore, AdaptiveLimit::kLimitStart / 2, AdaptiveLimit::kLimitStart);
}

constexpr int kDemandWithoutPrefetch = 256;  // prefetch_concurrency=0 turns prefetch off, not reads
}

FetchScheduler::FetchScheduler(int concurrency, int concurrency_per_file)
    : prefetch_enabled_(concurrency > 0),
      concurrency_(concurrency > 0 ? concurrency : kDemandWithoutPrefetch),
      per_file_(std::max(concurrency_per_file, 1)),
      limit_(concurrency_, LimitStart()) {}

void FetchScheduler::StartDemand(std::function<void()> start) {
  {
    MutexLock lock(mutex_);
    if (in_flight_ >= concurrency_) {
      demand_.push_back(std::move(start));
      return;
    }
    ++in_flight_;
  }
  ReadMetrics::Get().in_flight.Add(1);
  start();
}

bool FetchScheduler::PlaceForPrefetch() {
  if (!prefetch_enabled_ || !demand_.empty()) return false;
  if (in_flight_ < limit_.limit()) return true;
  limit_.OnHeldBack();
  return false;
}

void FetchScheduler::Enqueue(const std::shared_ptr<PrefetchSource>& source) {
  if (source->queued || !prefetch_enabled_) return;
  source->queued = true;
  waiting_.push_back(source);
}

bool FetchScheduler::TryStartPrefetch(const std::shared_ptr<PrefetchSource>& source) {
  {
    MutexLock lock(mutex_);
    if (!PlaceForPrefetch()) {
      Enqueue(source);
      return false;
    }
    ++in_flight_;
  }
  ReadMetrics::Get().in_flight.Add(1);
  return true;
}

void FetchScheduler::ReturnPlace() {
  ReadMetrics::Get().in_flight.Add(-1);
  std::function<void()> start;
  {
    MutexLock lock(mutex_);
    --in_flight_;
    if (!demand_.empty()) {
      start = std::move(demand_.front());
      demand_.pop_front();
      ++in_flight_;
    } else if (in_flight_ == 0) {
      idle_.NotifyAll();
    }
  }
  if (!start) return;
  ReadMetrics::Get().in_flight.Add(1);
  RunInTurn(std::move(start));  // a GET that is refused returns its place inside
}

void FetchScheduler::WaitForTurn(const std::shared_ptr<PrefetchSource>& source) {
  MutexLock lock(mutex_);
  Enqueue(source);
}

void FetchScheduler::Finished(bool throttled, int64_t now_ns) {
  {
    MutexLock lock(mutex_);
    if (throttled)
      limit_.OnThrottled();
    else
      limit_.OnFinished(received_bytes(), now_ns);
    ReadMetrics::Get().concurrency_limit.Set(limit_.limit());
  }
  ReturnPlace();
  PumpWaiting();
}

void FetchScheduler::PumpWaiting() {
  size_t turns = 0;
  {
    MutexLock lock(mutex_);
    turns = waiting_.size();  // a source that queues again waits for the next call
  }
  for (; turns != 0; --turns) {
    std::shared_ptr<PrefetchSource> source;
    {
      MutexLock lock(mutex_);
      if (waiting_.empty() || !PlaceForPrefetch()) return;
      source = waiting_.front().lock();
      waiting_.pop_front();
      if (source) source->queued = false;
    }
    if (source) source->Pump();
  }
}

int FetchScheduler::FileShare() const {
  MutexLock lock(mutex_);
  const int sharers = 1 + static_cast<int>(waiting_.size());
  return std::clamp(limit_.limit() / sharers, 1, per_file_);
}

int FetchScheduler::InFlight() const {
  MutexLock lock(mutex_);
  return in_flight_;
}

int FetchScheduler::Limit() const {
  MutexLock lock(mutex_);
  return limit_.limit();
}

void FetchScheduler::WaitIdle() {
  MutexLock lock(mutex_);
  while (in_flight_ != 0) idle_.Wait(lock);
}

}  // namespace ossfs2
