// ChangingFiles: the files that are open for writing, whose old bytes must not be put into the page cache.
//
// Why not in CachedFile: a file that nobody reads has none, gets one when it is the next of a run, and forgets at the
// last close of its readers what it was told, while a writer may stay.
// Threads: any. Its lock is a leaf. What Hold gives may outlive the engine.
#pragma once

#include <cstdint>
#include <memory>
#include <unordered_map>

#include "base/threads/mutex.h"

namespace ossfs2 {

class ChangingFiles : public std::enable_shared_from_this<ChangingFiles> {
 public:
  // The file counts as changing while the answer lives; several may.
  std::shared_ptr<const void> Hold(uint64_t file_id) EXCLUDES(mutex_) {
    {
      MutexLock lock(mutex_);
      ++holders_[file_id];
    }
    return {this, [self = shared_from_this(), file_id](const void*) { self->LetGo(file_id); }};
  }
  bool Has(uint64_t file_id) const EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    return holders_.count(file_id) != 0;
  }

 private:
  void LetGo(uint64_t file_id) EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    const auto it = holders_.find(file_id);
    if (--it->second == 0) holders_.erase(it);
  }

  mutable Mutex mutex_;
  std::unordered_map<uint64_t, int> holders_ GUARDED_BY(mutex_);
};

}  // namespace ossfs2
