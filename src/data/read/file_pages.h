// FilePages: whether a file's bytes may be put into the kernel's page cache, and how to stop that.
//
// They may not while it is open with O_DIRECT, and not while the file changes: then whoever stops it waits for stores
// that run, and a store that was prepared before everything was dropped is void. Value without a lock: the file's,
// which WaitUntilIdle gives up while it waits.
#pragma once

#include <chrono>
#include <cstdint>
#include <vector>

#include "base/mutex.h"

namespace ossfs2 {

class FilePages {
 public:
  void AddDirect(uint64_t handle) {
    direct_handles_.push_back(handle);
    direct_since_open_ = true;
  }
  void RemoveDirect(uint64_t handle) { std::erase(direct_handles_, handle); }
  // What is read through these handles does not come into the page cache.
  bool AnyDirect() const { return !direct_handles_.empty(); }
  // There was one since nobody had the file open.
  bool AnyDirectSinceOpen() const { return direct_since_open_; }

  bool MayStore() const { return !stopped_ && !AnyDirect(); }
  // What runs is void, also when it ends after the last close.
  void Stop() {
    stopped_ = true;
    ++epoch_;
  }
  // The last handle was closed.
  void OnClosed() { stopped_ = direct_since_open_ = false; }

  // Stores are of one epoch; stopping, or dropping what is known of the file, begins the next.
  uint64_t epoch() const { return epoch_; }
  void OnDropped() { ++epoch_; }
  // Before and after a store, which takes time. False: nothing may be stored; it was in vain and must be dropped.
  bool BeginStore(uint64_t epoch) {
    if (stopped_ || epoch != epoch_) return false;
    ++running_;
    return true;
  }
  bool EndStore(uint64_t epoch) {
    --running_;
    idle_.NotifyAll();
    return epoch == epoch_;
  }
  void WaitUntilIdle(MutexLock& lock, std::chrono::steady_clock::time_point deadline) {
    while (running_ != 0) {
      const auto left = deadline - std::chrono::steady_clock::now();
      if (left <= left.zero() || !idle_.WaitFor(lock, left)) return;
    }
  }

 private:
  std::vector<uint64_t> direct_handles_;
  bool direct_since_open_ = false;
  bool stopped_ = false;
  int running_ = 0;
  uint64_t epoch_ = 0;
  CondVar idle_;
};

}  // namespace ossfs2
