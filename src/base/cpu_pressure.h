// CpuPressure: whether programs of this machine wait for a processor.
//
// Read from the kernel's pressure stall information: the time in which at least one runnable task waited
// (Documentation/accounting/psi.rst, the line "some", total in microseconds). Short means that this was more than
// kShortShare of the last tenths of a second. Without such a file (psi=0, old kernels) it is never short.
// Threads: any. A sample costs a read of 100 bytes, at most every kSampleNs.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>

#include "base/mutex.h"

namespace ossfs2 {

class CpuPressure {
 public:
  static constexpr const char* kFile = "/proc/pressure/cpu";
  static constexpr int64_t kSampleNs = 100'000'000;
  static constexpr double kShortShare = 0.3;

  // `file` empty: never short.
  explicit CpuPressure(const std::string& file);
  ~CpuPressure();
  CpuPressure(const CpuPressure&) = delete;
  CpuPressure& operator=(const CpuPressure&) = delete;

  // Looks again when the last look is old enough.
  void Sample(int64_t now_ns) EXCLUDES(mutex_);
  // What the last look has shown.
  bool Short() const { return short_.load(std::memory_order_relaxed); }

 private:
  const int fd_;
  std::atomic<bool> short_{false};
  std::atomic<int64_t> sampled_ns_{0};
  Mutex mutex_;
  uint64_t waited_us_ GUARDED_BY(mutex_) = 0;
};

}  // namespace ossfs2
