// Awaited: one value that a callback brings and a thread waits for.
//
// Share it with the callback (shared_ptr): it may still be inside Set when the waiter is back already.
// Threads: Set once, from any; Take once, from one that may block.
#pragma once

#include <optional>
#include <utility>

#include "base/threads/mutex.h"

namespace ossfs2 {

template <class T>
class Awaited {
 public:
  void Set(T value) EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    value_.emplace(std::move(value));
    arrived_.NotifyAll();
  }
  T Take() EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    while (!value_) arrived_.Wait(lock);
    return std::move(*value_);
  }

 private:
  Mutex mutex_;
  CondVar arrived_;
  std::optional<T> value_ GUARDED_BY(mutex_);
};

}  // namespace ossfs2
