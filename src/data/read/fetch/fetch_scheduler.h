// FetchScheduler: how many GETs run, and who may start the next.
//
// Demand GETs start at once up to `concurrency`, beyond that in order. Prefetch starts
// only below the adaptive limit and never while demand is queued; files that
// were refused stand in a queue and are pumped in turn as GETs finish, which is how prefetch
// goes on without reads. There is no queue of planned prefetches: a file plans when it gets
// a place, so what nobody needs any more is never asked.
//
// Threads: any. Starts and pumps run without the lock; starts that end at once follow one another (RunInTurn).
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>

#include "base/threads/mutex.h"
#include "data/read/fetch/adaptive_limit.h"

namespace ossfs2 {

class PrefetchSource {
 public:
  virtual ~PrefetchSource() = default;
  // Starts what it may; asks the scheduler again when it was refused.
  virtual void Pump() = 0;
  // Guarded by the scheduler: stands in its queue.
  bool queued = false;
};

class FetchScheduler {
 public:
  FetchScheduler(int concurrency, int concurrency_per_file);

  // Runs `start` now or when a place is free.
  void StartDemand(std::function<void()> start) EXCLUDES(mutex_);
  // Takes a place for a prefetch; false: none, and the source is pumped later.
  bool TryStartPrefetch(const std::shared_ptr<PrefetchSource>& source) EXCLUDES(mutex_);
  // Gives a place back that was not used.
  void ReturnPlace() EXCLUDES(mutex_);
  // The source could not get memory: pump it after a GET has finished.
  void WaitForTurn(const std::shared_ptr<PrefetchSource>& source) EXCLUDES(mutex_);
  // A GET ended. Starts queued demand, then pumps waiting sources.
  void Finished(bool throttled, int64_t now_ns) EXCLUDES(mutex_);
  void PumpWaiting() EXCLUDES(mutex_);
  // Prefetches that one file may have in flight now.
  int FileShare() const EXCLUDES(mutex_);

  void AddReceived(uint64_t bytes) { received_.fetch_add(bytes, std::memory_order_relaxed); }
  uint64_t received_bytes() const { return received_.load(std::memory_order_relaxed); }
  int InFlight() const EXCLUDES(mutex_);
  int Limit() const EXCLUDES(mutex_);
  // Waits until nothing is in flight or queued. Nothing may be started meanwhile.
  void WaitIdle() EXCLUDES(mutex_);

 private:
  bool PlaceForPrefetch() REQUIRES(mutex_);
  void Enqueue(const std::shared_ptr<PrefetchSource>& source) REQUIRES(mutex_);

  const bool prefetch_enabled_;
  const int concurrency_;
  const int per_file_;
  std::atomic<uint64_t> received_{0};
  mutable Mutex mutex_;
  CondVar idle_;
  AdaptiveLimit limit_ GUARDED_BY(mutex_);
  int in_flight_ GUARDED_BY(mutex_) = 0;
  std::deque<std::function<void()>> demand_ GUARDED_BY(mutex_);
  std::deque<std::weak_ptr<PrefetchSource>> waiting_ GUARDED_BY(mutex_);
};

}  // namespace ossfs2
