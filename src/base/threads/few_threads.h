// FewThreads: runs tasks that would mostly wait for one another on a few threads, in order.
//
// Why: reads and writes of a file that is being stored wait for its turn, which a publication may have for minutes.
// With a thread for each, those of one file could take all threads there are, and everything else would wait as long;
// and each of them would hold the memory of its answer meanwhile.
// Threads: any. Whoever gives it a thread keeps it alive until Run returns.
#pragma once

#include <deque>
#include <functional>
#include <utility>

#include "base/threads/mutex.h"

namespace ossfs2 {

class FewThreads {
 public:
  // One works, and the answers of others go out meanwhile.
  static constexpr int kThreadsMax = 4;

  // True: the caller has to let Run be called on one more thread.
  bool Add(std::function<void()> task) EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    waiting_.push_back(std::move(task));
    if (running_ == kThreadsMax) return false;
    ++running_;
    return true;
  }

  // Until none waits.
  void Run() EXCLUDES(mutex_) {
    while (const auto task = Next()) task();
  }

 private:
  // None: this thread is over.
  std::function<void()> Next() EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    if (waiting_.empty()) {
      --running_;
      return nullptr;
    }
    auto task = std::move(waiting_.front());
    waiting_.pop_front();
    return task;
  }

  Mutex mutex_;
  std::deque<std::function<void()>> waiting_ GUARDED_BY(mutex_);
  int running_ GUARDED_BY(mutex_) = 0;
};

}  // namespace ossfs2
