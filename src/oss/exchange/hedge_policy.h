// HedgePolicy: when a GET is slow to answer, whether a second one may be started.
//
// Keeps the times to first byte of recent GETs: a GET that has had no answer for three times their median,
// and at least 200 ms, may be hedged, as long as hedges stay below 5 % of all GETs and processors of this machine are
// not short (OssConfig::is_short_of_processors). Thread-safe.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>

#include "base/threads/mutex.h"

namespace ossfs2::oss {

class HedgePolicy {
 public:
  static constexpr uint64_t kBytesMax = 8 << 20;  // larger ranges are not hedged
  static constexpr std::chrono::milliseconds kDelayMin{200};
  static constexpr size_t kSamplesMin = 16;

  void OnFirstByte(std::chrono::nanoseconds duration) EXCLUDES(mutex_);
  // A GET of `size` bytes begins: after this time without an answer a hedge is worth it; nothing: never.
  std::optional<std::chrono::nanoseconds> DelayFor(uint64_t size) EXCLUDES(mutex_);
  // Takes one from the budget of 5 %.
  bool TakeHedge() EXCLUDES(mutex_);

 private:
  static constexpr size_t kSamples = 64;
  Mutex mutex_;
  std::array<std::chrono::nanoseconds, kSamples> samples_ GUARDED_BY(mutex_){};
  size_t count_ GUARDED_BY(mutex_) = 0;
  std::chrono::nanoseconds median_ GUARDED_BY(mutex_){0};
  uint64_t gets_ GUARDED_BY(mutex_) = 0;
  uint64_t hedges_ GUARDED_BY(mutex_) = 0;
};

}  // namespace ossfs2::oss
