// RecentIds: which ids (of files, of folders) were noted lately. The latest kIdsMax are remembered.
//
// Threads: any. One lock, a leaf.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

#include "base/threads/mutex.h"

namespace ossfs2 {

class RecentIds {
 public:
  static constexpr size_t kIdsMax = 64;

  void Note(uint64_t id, int64_t now_ns) EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    const auto same = std::find_if(noted_.begin(), noted_.end(), [=](const Noted& noted) { return noted.id == id; });
    if (same != noted_.end()) {
      same->at_ns = now_ns;
      return;
    }
    noted_[next_] = {id, now_ns};
    next_ = (next_ + 1) % kIdsMax;
  }
  bool NotedSince(uint64_t id, int64_t since_ns) const EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    return std::any_of(noted_.begin(), noted_.end(),
                       [=](const Noted& noted) { return noted.id == id && noted.at_ns >= since_ns; });
  }

 private:
  struct Noted {
    uint64_t id = UINT64_MAX;
    int64_t at_ns = INT64_MIN;
  };
  mutable Mutex mutex_;
  std::array<Noted, kIdsMax> noted_ GUARDED_BY(mutex_);
  size_t next_ GUARDED_BY(mutex_) = 0;
};

}  // namespace ossfs2
