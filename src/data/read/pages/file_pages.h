// FilePages: whether a file's bytes may be put into the kernel's page cache, and how to stop that.
//
// They may not while somebody reads past it (O_DIRECT, direct_io), and not while the file changes: then whoever stops
// it waits for stores that run, and a store that was prepared before everything was dropped is void. Value without a
// lock: the file's, which WaitUntilIdle gives up while it waits.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <vector>

#include "base/threads/mutex.h"

namespace ossfs2 {

class FilePages {
 public:
  // On a direct_io mount a program that maps a file reads its header directly: that alone makes no direct reader.
  static constexpr uint64_t kHeaderBytesMax = 16ull << 20;

  // `page_cache`: as in ReadOptions. A program that reads past it all the same (O_DIRECT) means all that it reads.
  explicit FilePages(bool page_cache) : header_bytes_(page_cache ? 0 : kHeaderBytesMax) {}

  // A read past the page cache.
  void NoteDirect(uint64_t handle, uint64_t bytes) {
    direct_bytes_ += bytes;
    if (std::find(direct_handles_.begin(), direct_handles_.end(), handle) == direct_handles_.end())
      direct_handles_.push_back(handle);
  }
  void RemoveDirect(uint64_t handle) { std::erase(direct_handles_, handle); }
  // Programs that have the file open read past the page cache.
  bool AnyDirect() const { return !direct_handles_.empty() && AnyDirectSinceOpen(); }
  // There was one since nobody had the file open.
  bool AnyDirectSinceOpen() const { return direct_bytes_ > header_bytes_; }

  bool MayStore() const { return !stopped_ && direct_handles_.empty(); }
  // What runs is void, also when it ends after the last close.
  void Stop() {
    stopped_ = true;
    ++epoch_;
  }
  // The last handle was closed.
  void OnClosed() {
    stopped_ = false;
    direct_bytes_ = 0;
  }

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
  const uint64_t header_bytes_;
  std::vector<uint64_t> direct_handles_;
  uint64_t direct_bytes_ = 0;  // since nobody had the file open
  bool stopped_ = false;
  int running_ = 0;
  uint64_t epoch_ = 0;
  CondVar idle_;
};

}  // namespace ossfs2
