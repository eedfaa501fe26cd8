// StickyError: the error that a file keeps returning, because what failed cannot be put right.
//
// The first one stays until Clear. Thread-safe; asking whether there is one takes no lock, because every write asks.
#pragma once

#include <atomic>
#include <optional>

#include "base/threads/mutex.h"
#include "ossfs2/status.h"

namespace ossfs2 {

class StickyError {
 public:
  bool set() const { return set_.load(std::memory_order_acquire); }
  std::optional<Error> Get() const EXCLUDES(mutex_) {
    if (!set()) return std::nullopt;
    MutexLock lock(mutex_);
    return error_;
  }
  Status status() const EXCLUDES(mutex_) {
    if (std::optional<Error> error = Get()) return std::move(*error);
    return {};
  }
  // False: there is one already.
  bool Set(const Error& error) EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    if (error_) return false;
    error_ = error;
    set_.store(true, std::memory_order_release);
    return true;
  }
  void Clear() EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    error_.reset();
    set_.store(false, std::memory_order_release);
  }

 private:
  std::atomic<bool> set_{false};
  mutable Mutex mutex_;
  std::optional<Error> error_ GUARDED_BY(mutex_);
};

}  // namespace ossfs2
