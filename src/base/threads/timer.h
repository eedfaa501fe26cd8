// Timer: one thread that runs short callbacks at given times (retry back-off,
// speed watches, lazy metadata).
//
// Callbacks must not block. Cancel returns false when the callback ran or is
// running. Thread-safe. The destructor drops what is pending and joins.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <thread>

#include "base/threads/mutex.h"

namespace ossfs2 {

class Timer {
 public:
  using Id = uint64_t;
  Timer();
  ~Timer();
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;

  Id After(std::chrono::nanoseconds delay, std::function<void()> callback) EXCLUDES(mutex_);
  bool Cancel(Id id) EXCLUDES(mutex_);

 private:
  using Key = std::pair<std::chrono::steady_clock::time_point, Id>;
  void ThreadMain();

  Mutex mutex_;
  CondVar wake_;
  std::map<Key, std::function<void()>> pending_ GUARDED_BY(mutex_);
  std::map<Id, std::chrono::steady_clock::time_point> times_ GUARDED_BY(mutex_);
  Id next_ GUARDED_BY(mutex_) = 1;
  bool stopping_ GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace ossfs2
