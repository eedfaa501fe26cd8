// ReadPace: what a read engine has learnt of its server and of its readers, for all files.
//
// Of the server: the best rate of one GET of the last 5 to 10 seconds, latency included. A server
// that is near shows it even while all connections share one processor. One that limits each connection
// may still give a burst at first, so small GETs count only while there are no large ones. Until the first GET
// has come the server counts as far.
//
// Of the readers: after a large file was read to its end, the next one may start with the
// window that this one ended with (a loader goes from shard to shard), and when page faults all over that file
// were recognised, the next is taken for such a one at once. A large file that is closed
// with less than half of it read ends that, so a program that reads heads wastes one window.
//
// Threads: any.
#pragma once

#include <algorithm>
#include <cstdint>

#include "base/threads/mutex.h"
#include "data/read/plan/stream_window.h"

namespace ossfs2 {

class ReadPace {
 public:
  static constexpr uint64_t kLargeFileBytes = 64ull << 20;
  static constexpr uint64_t kGetBytesMin = 1ull << 20;  // shorter ones show latency and bursts only
  static constexpr uint64_t kLargeGetBytes = 4ull << 20;
  static constexpr uint64_t kCarriedBytesMax = 256ull << 20;
  static constexpr int64_t kPeriodNs = 5'000'000'000;

  void OnGetDone(uint64_t bytes, int64_t started_ns, int64_t now_ns) EXCLUDES(mutex_) {
    if (bytes < kGetBytesMin || now_ns <= started_ns) return;
    const double rate = static_cast<double>(bytes) * 1e9 / static_cast<double>(now_ns - started_ns);
    MutexLock lock(mutex_);
    if (now_ns - period_start_ns_ > kPeriodNs) {
      before_ = now_ns - period_start_ns_ > 2 * kPeriodNs ? Best{} : best_;
      best_ = {};
      period_start_ns_ = now_ns;
    }
    double& best = bytes < kLargeGetBytes ? best_.small : best_.large;
    best = std::max(best, rate);
  }
  // `processors_short`: they slow the GETs of a near server down, with TLS above all.
  bool NearServer(bool processors_short) const EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    const double large = Large();
    return (large > 0 ? large : std::max(best_.small, before_.small)) >= NearRate(processors_short);
  }
  // Large GETs have shown it, so it is not a burst.
  bool SurelyNear(bool processors_short) const EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    return Large() >= NearRate(processors_short);
  }

  // `in_pieces`: by page faults all over it, not by one reader from begin to end.
  void OnFileReadWhole(uint64_t window, bool in_pieces) EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    carried_window_ = std::min(window, kCarriedBytesMax);
    carried_in_pieces_ = in_pieces;
  }
  void OnFileGivenUp() EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    carried_window_ = 0;
    carried_in_pieces_ = false;
  }
  bool CarriedInPieces() const EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    return carried_in_pieces_;
  }
  // For the first window of a stream; 0: no file was read whole lately.
  uint64_t CarriedWindow() const EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    return carried_window_;
  }

 private:
  struct Best {  // bytes a second of GETs of either size; 0: none came
    double small = 0;
    double large = 0;
  };
  static double NearRate(bool processors_short) {
    return static_cast<double>(processors_short ? kNearBytesPerS / 2 : kNearBytesPerS);
  }
  double Large() const REQUIRES(mutex_) { return std::max(best_.large, before_.large); }

  mutable Mutex mutex_;
  int64_t period_start_ns_ GUARDED_BY(mutex_) = 0;
  Best best_ GUARDED_BY(mutex_);
  Best before_ GUARDED_BY(mutex_);  // of the period before
  uint64_t carried_window_ GUARDED_BY(mutex_) = 0;
  bool carried_in_pieces_ GUARDED_BY(mutex_) = false;
};

}  // namespace ossfs2
