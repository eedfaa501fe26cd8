// CpuPressure: whether programs of this machine wait for a processor.
//
// Read from the kernel's pressure stall information: the time in which at least one runnable task waited
// (Documentation/accounting/psi.rst, the line "some", total in microseconds). Where the kernel has none (psi=0, the
// default of RHEL and its kin; old kernels) the waits of this process's own threads count
// (Documentation/scheduler/sched-stats.rst, the second number of schedstat, nanoseconds). Short means that this was
// more than kShortShare of the last tenths of a second. With neither it is never short.
// Threads: any. A sample costs a read of 100 bytes, or one for each thread, at most every kSampleNs.
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>
#include <string>

#include "base/threads/mutex.h"

namespace ossfs2 {

class CpuPressure {
 public:
  static constexpr const char* kFile = "/proc/pressure/cpu";
  static constexpr int64_t kSampleNs = 100'000'000;
  static constexpr double kShortShare = 0.3;

  static constexpr const char* kTasks = "/proc/self/task";

  // `file` empty: never short. `tasks`: where the process's threads are listed, for when `file` cannot be read.
  explicit CpuPressure(const std::string& file, const std::string& tasks = kTasks);
  ~CpuPressure();
  CpuPressure(const CpuPressure&) = delete;
  CpuPressure& operator=(const CpuPressure&) = delete;

  // Looks again when the last look is old enough.
  void Sample(int64_t now_ns) EXCLUDES(mutex_);
  // What the last look has shown.
  bool Short() const { return short_.load(std::memory_order_relaxed); }

 private:
  // Since the start, in microseconds; nothing when it cannot be read.
  std::optional<uint64_t> Waited() const;

  const int fd_;
  const std::string tasks_;  // empty: not asked
  std::atomic<bool> short_{false};
  std::atomic<int64_t> sampled_ns_{0};
  Mutex mutex_;
  uint64_t waited_us_ GUARDED_BY(mutex_) = 0;
};

}  // namespace ossfs2
