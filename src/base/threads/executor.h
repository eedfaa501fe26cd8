// Executor: runs blocking tasks (metadata requests, flushes) away from the
// threads that must not block.
//
// Threads start on demand up to threads_max and leave after ten idle seconds, all but
// the first, which is made at once: at the thread limit of the machine or container
// (pids.max) somebody must be left for the tasks. Tasks beyond that wait in order in a
// queue that the callers bound (each FUSE request is one task; the threads of programs are
// its bound). Thread-safe. Shutdown runs what is queued and joins all threads.
#pragma once

#include <chrono>
#include <cstddef>
#include <deque>
#include <functional>
#include <list>
#include <string>
#include <thread>

#include "base/threads/mutex.h"

namespace ossfs2 {

class Executor {
 public:
  Executor(std::string name, size_t threads_max, std::chrono::milliseconds idle_max = std::chrono::seconds(10));
  ~Executor();
  Executor(const Executor&) = delete;
  Executor& operator=(const Executor&) = delete;

  // After Shutdown, or when not even the first thread could be made, the task runs in the caller.
  void Run(std::function<void()> task) EXCLUDES(mutex_);
  // False in these cases, and the task does not run: for callers who hold a lock that it takes.
  bool TryRun(std::function<void()> task) EXCLUDES(mutex_) { return Enqueue(task); }
  void Shutdown() EXCLUDES(mutex_);
  size_t ThreadCount() const EXCLUDES(mutex_);
  size_t QueueLength() const EXCLUDES(mutex_);

 private:
  // Takes the task away when it returns true.
  bool Enqueue(std::function<void()>& task) EXCLUDES(mutex_);
  void AddThread() REQUIRES(mutex_);
  void ThreadMain(std::list<std::thread>::iterator self);

  const std::string name_;
  const size_t threads_max_;
  const std::chrono::milliseconds idle_max_;
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
