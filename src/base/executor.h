// Executor: runs blocking tasks (metadata requests, flushes) away from the
// threads that must not block.
//
// Threads start on demand up to threads_max and leave after ten idle seconds;
// tasks beyond that wait in order in a queue that the callers bound (each FUSE
// request is one task, and the kernel bounds those). Thread-safe. Shutdown runs
// what is queued, joins all threads, and later tasks run in the caller.
#pragma once

#include <cstddef>
#include <deque>
#include <functional>
#include <list>
#include <string>
#include <thread>

#include "base/mutex.h"

namespace ossfs2 {

class Executor {
 public:
  Executor(std::string name, size_t threads_max);
  ~Executor();
  Executor(const Executor&) = delete;
  Executor& operator=(const Executor&) = delete;

  void Run(std::function<void()> task) EXCLUDES(mutex_);
  void Shutdown() EXCLUDES(mutex_);
  size_t ThreadCount() const EXCLUDES(mutex_);
  size_t QueueLength() const EXCLUDES(mutex_);

 private:
  void ThreadMain(std::list<std::thread>::iterator self);

  const std::string name_;
  const size_t threads_max_;
  mutable Mutex mutex_;
  CondVar wake_;
  CondVar gone_;
  std::deque<std::function<void()>> queue_ GUARDED_BY(mutex_);
  std::list<std::thread> threads_ GUARDED_BY(mutex_);
  std::list<std::thread> finished_ GUARDED_BY(mutex_);
  size_t idle_ GUARDED_BY(mutex_) = 0;
  bool stopping_ GUARDED_BY(mutex_) = false;
};

}  // namespace ossfs2
