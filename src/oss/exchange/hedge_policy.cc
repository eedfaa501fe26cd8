#include "oss/exchange/hedge_policy.h"

#include <algorithm>

namespace ossfs2::oss {

void HedgePolicy::OnFirstByte(std::chrono::nanoseconds duration) {
  MutexLock lock(mutex_);
  samples_[count_++ % kSamples] = duration;
  if (count_ % kSamplesMin != 0) return;
  auto sorted = samples_;
  const auto used = static_cast<std::ptrdiff_t>(std::min(count_, kSamples));
  std::nth_element(sorted.begin(), sorted.begin() + used / 2, sorted.begin() + used);
  median_ = sorted[static_cast<size_t>(used / 2)];
}

std::optional<std::chrono::nanoseconds> HedgePolicy::DelayFor(uint64_t size) {
  MutexLock lock(mutex_);
  ++gets_;
  if (size > kBytesMax || count_ < kSamplesMin) return std::nullopt;
  return std::max<std::chrono::nanoseconds>(3 * median_, kDelayMin);
}

bool HedgePolicy::TakeHedge() {
  MutexLock lock(mutex_);
  if ((hedges_ + 1) * 20 > gets_) return false;
  ++hedges_;
  return true;
}

}  // namespace ossfs2::oss
