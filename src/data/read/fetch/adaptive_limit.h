// AdaptiveLimit: how many GETs in flight are worth having.
//
// Grows while growth pays: an epoch ends when as many GETs finished as the limit allows and
// at least 20 ms passed; if the limit held GETs back in that epoch and the throughput
// beat the best seen by 8 %, the limit doubles. Otherwise it stays, and every eighth epoch
// tries a quarter more and takes it back when it gained less than 3 %. Throttling answers take
// a third off and let the best be forgotten: few GETs at once would not reach it again, and without it growth pays from
// the first epoch on. The best fades by 2 % an epoch, so that a network that changed is learnt.
// It never leaves [kLimitMin, max]. Not thread-safe: the scheduler's lock.
#pragma once

#include <cstdint>

namespace ossfs2 {

class AdaptiveLimit {
 public:
  static constexpr int kLimitMin = 4;
  static constexpr int kLimitStart = 64;  // 4 GB/s at 5 ms and 100 MB/s a connection needs 45
  static constexpr int kProbeEpochs = 8;

  explicit AdaptiveLimit(int max, int start = kLimitStart);
  int limit() const { return limit_; }
  // A GET finished; `total_bytes` counts all bytes received so far.
  void OnFinished(uint64_t total_bytes, int64_t now_ns);
  // A GET was wanted but the limit held it back.
  void OnHeldBack() { held_back_ = true; }
  void OnThrottled();

 private:
  void EndEpoch(double bytes_per_s);
  void Set(int limit);

  const int max_;
  int limit_;
  bool held_back_ = false;
  bool probing_ = false;
  int before_probe_ = 0;
  int quiet_epochs_ = 0;
  double best_bytes_per_s_ = 0;
  int64_t epoch_start_ns_ = 0;
  uint64_t epoch_bytes_ = 0;
  int epoch_finished_ = 0;
};

}  // namespace ossfs2
