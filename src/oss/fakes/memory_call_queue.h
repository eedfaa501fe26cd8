// MemoryCallQueue: the asynchronous side of MemoryStore.
//
// One thread runs calls when they are due, in order of that time; while held, new calls wait until released
// or canceled. End is ObjectStore::EndCalls: what waits then runs as canceled, and so does, after the grace, whatever
// comes. The destructor runs what is left as canceled and joins. Thread-safe; calls run without the lock.
#pragma once

#include <atomic>
#include <chrono>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <thread>
#include <utility>

#include "base/threads/mutex.h"
#include "ossfs2/object_store.h"

namespace ossfs2::oss {

class MemoryCallQueue {
 public:
  // Does the work of a call and reports; with `canceled` it only reports kCanceled.
  using Work = std::function<void(bool canceled)>;

  MemoryCallQueue();
  ~MemoryCallQueue();
  MemoryCallQueue(const MemoryCallQueue&) = delete;
  MemoryCallQueue& operator=(const MemoryCallQueue&) = delete;

  std::shared_ptr<StoreCall> Add(std::chrono::milliseconds latency, Work work) EXCLUDES(mutex_);
  void Hold(bool hold) EXCLUDES(mutex_);
  size_t HeldCount() const EXCLUDES(mutex_);
  void Release(size_t count) EXCLUDES(mutex_);  // oldest first
  void End(std::chrono::milliseconds after, std::chrono::milliseconds grace) EXCLUDES(mutex_);

 private:
  using Time = std::chrono::steady_clock::time_point;
  class Pending;
  class Handle;
  void Cancel(const std::shared_ptr<Pending>& call) EXCLUDES(mutex_);
  void Ready(const std::shared_ptr<Pending>& call) REQUIRES(mutex_);
  void ReleaseLocked(size_t count) REQUIRES(mutex_);
  void CancelAllLocked() REQUIRES(mutex_);
  bool Refuses() const REQUIRES(mutex_) { return stopping_ || std::chrono::steady_clock::now() >= refuse_at_; }
  void ThreadMain() EXCLUDES(mutex_);

  mutable Mutex mutex_;
  CondVar wake_;
  bool hold_ GUARDED_BY(mutex_) = false;
  bool stopping_ GUARDED_BY(mutex_) = false;
  std::deque<std::shared_ptr<Pending>> held_ GUARDED_BY(mutex_);
  std::multimap<Time, std::shared_ptr<Pending>> due_ GUARDED_BY(mutex_);
  Time cancel_at_ GUARDED_BY(mutex_) = Time::max();  // once; then it is max again
  Time refuse_at_ GUARDED_BY(mutex_) = Time::max();
  std::thread thread_;
};

}  // namespace ossfs2::oss
