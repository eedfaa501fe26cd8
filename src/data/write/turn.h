// Turn: whose turn it is to change one file; calls come through in the order they asked.
//
// The holder may keep the turn over the network. TryAcquire never waits and gives way to
// those who already do, so that writes keep their order. Thread-safe.
#pragma once

#include <cstdint>
#include <mutex>

#include "base/threads/mutex.h"

namespace ossfs2 {

class Turn {
 public:
  bool TryAcquire() EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    if (serving_ != next_) return false;
    ++next_;
    return true;
  }
  void Acquire() EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    const uint64_t mine = next_++;
    while (serving_ != mine) free_.Wait(lock);
  }
  void Release() EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    ++serving_;
    free_.NotifyAll();
  }

 private:
  Mutex mutex_;
  CondVar free_;
  uint64_t next_ GUARDED_BY(mutex_) = 0;     // the ticket of the next to come
  uint64_t serving_ GUARDED_BY(mutex_) = 0;  // the ticket whose turn it is
};

// Holds a turn for a scope. With std::adopt_lock it is acquired already.
class TurnHolder {
 public:
  explicit TurnHolder(Turn& turn) : turn_(turn) { turn_.Acquire(); }
  TurnHolder(Turn& turn, std::adopt_lock_t) : turn_(turn) {}
  ~TurnHolder() { turn_.Release(); }
  TurnHolder(const TurnHolder&) = delete;
  TurnHolder& operator=(const TurnHolder&) = delete;

 private:
  Turn& turn_;
};

}  // namespace ossfs2
