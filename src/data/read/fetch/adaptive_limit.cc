#include "data/read/fetch/adaptive_limit.h"

#include <algorithm>

namespace ossfs2 {
namespace {
constexpr int64_t kEpochNsMin = 20'000'000;
constexpr int64_t kEpochNsMax = 2'000'000'000;  // longer: the reader paused, nothing was measured
}  // namespace

AdaptiveLimit::AdaptiveLimit(int max, int start) : max_(std::max(max, 1)), limit_(std::min(start, max_)) {}

void AdaptiveLimit::Set(int limit) { limit_ = std::clamp(limit, std::min(kLimitMin, max_), max_); }

void AdaptiveLimit::OnFinished(uint64_t total_bytes, int64_t now_ns) {
  const int64_t elapsed_ns = now_ns - epoch_start_ns_;
  if (epoch_start_ns_ == 0 || elapsed_ns > kEpochNsMax) {
    epoch_start_ns_ = now_ns;
    epoch_bytes_ = total_bytes;
    epoch_finished_ = 0;
    held_back_ = false;
    return;
  }
  if (++epoch_finished_ < limit_ || elapsed_ns < kEpochNsMin) return;
  EndEpoch(static_cast<double>(total_bytes - epoch_bytes_) * 1e9 / static_cast<double>(elapsed_ns));
  epoch_start_ns_ = now_ns;
  epoch_bytes_ = total_bytes;
  epoch_finished_ = 0;
  held_back_ = false;
}

void AdaptiveLimit::EndEpoch(double bytes_per_s) {
  const double before = best_bytes_per_s_;
  best_bytes_per_s_ = std::max(bytes_per_s, before * 0.98);
  if (probing_) {
    probing_ = false;
    if (bytes_per_s < before * 1.03) Set(before_probe_);
    return;
  }
  if (!held_back_) return;
  if (bytes_per_s > before * 1.08) {
    quiet_epochs_ = 0;
    Set(limit_ * 2);
    return;
  }
  if (++quiet_epochs_ < kProbeEpochs) return;
  quiet_epochs_ = 0;
  probing_ = true;
  before_probe_ = limit_;
  Set(limit_ + std::max(1, limit_ / 4));
}

void AdaptiveLimit::OnThrottled() {
  probing_ = false;
  quiet_epochs_ = 0;
  best_bytes_per_s_ = 0;
  epoch_start_ns_ = 0;  // what came before in this epoch would be the best
  Set(limit_ * 2 / 3);
}

}  // namespace ossfs2
