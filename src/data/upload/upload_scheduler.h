// UploadScheduler: how many uploads are on the wire at once, and whose is next.
//
// Jobs of one owner (a file) start in order; owners take turns, so that a small file does not
// wait behind all parts of a large one. A job starts its transfer and returns; it calls `done`
// once, from any thread, when the transfer ended, or at once if there is none. Thread-safe; Submit never blocks.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <list>
#include <map>
#include <utility>

#include "base/threads/mutex.h"
#include "base/values/tunable.h"

namespace ossfs2 {

class UploadScheduler {
 public:
  using Done = std::function<void()>;
  using Job = std::function<void(Done done)>;

  explicit UploadScheduler(Tunable<int> concurrency) : concurrency_(std::move(concurrency)) {}

  void Submit(uint64_t owner, Job job) EXCLUDES(mutex_);
  int InFlight() const EXCLUDES(mutex_);
  int InFlightPeak() const EXCLUDES(mutex_);

 private:
  void Pump() EXCLUDES(mutex_);
  bool TakeNext(Job& job) REQUIRES(mutex_);

  const Tunable<int> concurrency_;  // at least 1 counts
  mutable Mutex mutex_;
  std::map<uint64_t, std::deque<Job>> queues_ GUARDED_BY(mutex_);
  std::list<uint64_t> order_ GUARDED_BY(mutex_);  // owners with jobs, the next one first
  int in_flight_ GUARDED_BY(mutex_) = 0;
  int peak_ GUARDED_BY(mutex_) = 0;
};

}  // namespace ossfs2
