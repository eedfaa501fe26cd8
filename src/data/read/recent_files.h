// RecentFiles: which files were read and closed lately, past the page cache. One that is read again shows that programs
// read the same files one after the other, so what they read is worth keeping.
//
// The latest kFilesMax are remembered. Threads: any. One lock, a leaf.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

#include "base/mutex.h"

namespace ossfs2 {

class RecentFiles {
 public:
  static constexpr size_t kFilesMax = 64;

  void NoteClosed(uint64_t file_id, int64_t now_ns) EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    const auto same = std::find_if(files_.begin(), files_.end(), [=](const File& file) { return file.id == file_id; });
    if (same != files_.end()) {
      same->closed_ns = now_ns;
      return;
    }
    files_[next_] = {file_id, now_ns};
    next_ = (next_ + 1) % kFilesMax;
  }
  bool WasClosedSince(uint64_t file_id, int64_t since_ns) const EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    return std::any_of(files_.begin(), files_.end(),
                       [=](const File& file) { return file.id == file_id && file.closed_ns >= since_ns; });
  }

 private:
  struct File {
    uint64_t id = UINT64_MAX;
    int64_t closed_ns = INT64_MIN;
  };
  mutable Mutex mutex_;
  std::array<File, kFilesMax> files_ GUARDED_BY(mutex_);
  size_t next_ GUARDED_BY(mutex_) = 0;
};

}  // namespace ossfs2
