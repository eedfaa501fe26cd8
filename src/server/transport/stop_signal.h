// StopSignal: a sleep that the end of the server interrupts. Thread-safe.
#pragma once

#include <atomic>
#include <chrono>

#include "base/threads/mutex.h"

namespace ossfs2::server {

class StopSignal {
 public:
  void Stop() EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    stopped_ = true;
    wake_.NotifyAll();
  }
  bool stopped() const { return stopped_; }

  // False when the server stops meanwhile.
  bool SleepFor(std::chrono::nanoseconds duration) EXCLUDES(mutex_) {
    const auto until = std::chrono::steady_clock::now() + duration;
    MutexLock lock(mutex_);
    while (!stopped_) {
      const auto left = until - std::chrono::steady_clock::now();
      if (left <= left.zero()) return true;
      wake_.WaitFor(lock, left);
    }
    return false;
  }

 private:
  Mutex mutex_;
  CondVar wake_;
  std::atomic<bool> stopped_{false};
};

}  // namespace ossfs2::server
