// ShardLead: how many bytes of the next files may lie in the page cache before anybody reads them.
//
// A loader reads model-00001-of-00016 to its end, then the next. What was read whole of such a
// run is its credit: so much of the files after it may be fetched ahead, up to a bound by the machine's memory,
// so that a run that ends early has cost at most as much again. A large file that is closed with less than half of it
// read, or kIdleNs without a file read whole, ends the credit.
//
// A file that was read whole through the page cache lies there, so it is not fetched ahead again (16 programs
// read 16 shards at once and end in any order). When one is read from here once more, the kernel has let it go, and
// most likely the others too: all are forgotten. At most kRememberedMax.
//
// Threads: any. One lock, a leaf: nothing is called under it.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <unordered_set>
#include <vector>

#include "base/report/metrics.h"
#include "base/threads/mutex.h"
#include "data/read/fetch/fetch_scheduler.h"

namespace ossfs2 {

class ShardLead {
 public:
  static constexpr int64_t kIdleNs = 300'000'000'000;  // a slow loader takes minutes for a shard
  static constexpr size_t kRememberedMax = 1024;
  static constexpr size_t kWaitersMax = 16;  // files that wait for room; later ones are pumped by their readers

  // `bytes_max`: 0 keeps every file to itself. `shown`, if given, tells what this one holds; it outlives this.
  explicit ShardLead(uint64_t bytes_max, Gauge* shown = nullptr) : bytes_max_(bytes_max), shown_(shown) {}
  ~ShardLead();
  ShardLead(const ShardLead&) = delete;
  ShardLead& operator=(const ShardLead&) = delete;

  void OnReadWhole(uint64_t file_id, uint64_t bytes, int64_t now_ns) EXCLUDES(mutex_);
  bool WasReadWhole(uint64_t file_id) const EXCLUDES(mutex_);
  void OnGivenUp() EXCLUDES(mutex_);
  // Whether files may be fetched ahead of their readers at all.
  bool HasCredit(int64_t now_ns) const EXCLUDES(mutex_);

  // Whether `bytes` more may be fetched; if not, the file is pumped when there is room again.
  bool MayTake(uint64_t bytes, const std::shared_ptr<PrefetchSource>& file, int64_t now_ns) EXCLUDES(mutex_);
  void Take(uint64_t bytes) EXCLUDES(mutex_);
  void Return(uint64_t bytes) EXCLUDES(mutex_);
  // One that waits, if there is room for it; the caller pumps it.
  std::shared_ptr<PrefetchSource> TakeWaiter(int64_t now_ns) EXCLUDES(mutex_);

  bool HasWaiters() const { return has_waiters_.load(std::memory_order_relaxed); }
  uint64_t held_bytes() const EXCLUDES(mutex_);

 private:
  uint64_t Allowed(int64_t now_ns) const REQUIRES(mutex_) {
    return now_ns - credit_ns_ <= kIdleNs ? credit_bytes_ : 0;
  }

  void Hold(int64_t more) REQUIRES(mutex_);

  const uint64_t bytes_max_;
  Gauge* const shown_;
  std::atomic<bool> has_waiters_{false};
  mutable Mutex mutex_;
  uint64_t credit_bytes_ GUARDED_BY(mutex_) = 0;  // at most bytes_max_
  int64_t credit_ns_ GUARDED_BY(mutex_) = 0;  // when it grew last
  uint64_t held_bytes_ GUARDED_BY(mutex_) = 0;
  std::unordered_set<uint64_t> read_whole_ GUARDED_BY(mutex_);
  std::vector<std::weak_ptr<PrefetchSource>> waiters_ GUARDED_BY(mutex_);
};

}  // namespace ossfs2
