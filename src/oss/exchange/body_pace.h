// BodyPace: how fast bodies move over the connections of a store, and what is too slow beside the others.
//
// One connection of many may be slow (a bad link of a bundle, a sick front end), and what is sent over it would take
// minutes. With the paces of the last bodies known, one that moves at less than an eighth of their median, and below
// 256 KiB/s, is better asked for again over another connection. Where all are slow none is.
// Thread-safe. Limit takes no lock and works nothing out, because every request asks.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>

#include "base/threads/mutex.h"

namespace ossfs2::oss {

class BodyPace {
 public:
  static constexpr uint64_t kSlowBytesPerSecond = 256 << 10;
  static constexpr uint64_t kTimesSlower = 8;
  static constexpr uint64_t kBytesMin = 256 << 10;  // shorter bodies show latency
  static constexpr size_t kSamplesMin = 8;

  void OnMoved(uint64_t bytes, std::chrono::nanoseconds duration) EXCLUDES(mutex_) {
    if (bytes < kBytesMin) return;
    const double seconds = std::max(1e-6, static_cast<double>(duration.count()) / 1e9);
    Note(static_cast<uint64_t>(static_cast<double>(bytes) / seconds));
  }
  // Many of these mean that the network has become slow, and end it.
  void OnTooSlow() EXCLUDES(mutex_) { Note(0); }

  // Bytes a second that are too few; 0: any pace will do.
  uint64_t Limit() const { return limit_.load(std::memory_order_relaxed); }

 private:
  static constexpr size_t kSamples = 16;

  void Note(uint64_t bytes_per_second) EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    samples_[count_++ % kSamples] = bytes_per_second;
    if (count_ < kSamplesMin) return;
    auto sorted = samples_;
    const size_t used = std::min(count_, kSamples);
    const auto median = sorted.begin() + static_cast<std::ptrdiff_t>(used / 2);
    std::nth_element(sorted.begin(), median, sorted.begin() + static_cast<std::ptrdiff_t>(used));
    limit_.store(std::min(kSlowBytesPerSecond, *median / kTimesSlower), std::memory_order_relaxed);
  }

  std::atomic<uint64_t> limit_{0};
  Mutex mutex_;
  std::array<uint64_t, kSamples> samples_ GUARDED_BY(mutex_){};
  size_t count_ GUARDED_BY(mutex_) = 0;
};

}  // namespace ossfs2::oss
