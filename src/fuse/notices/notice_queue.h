// NoticeQueue: notices of one kind to the kernel, told one after the other on a thread of its own.
//
// Notices are merged while they wait, so the queue is never longer than the table of what they name.
// Threads: any. Stop waits for the notice that is being told, ends the thread and drops later notices: whoever took the
// notifier just before may still call.
#pragma once

#include <pthread.h>

#include <chrono>
#include <functional>
#include <optional>
#include <set>
#include <thread>
#include <utility>

#include "base/threads/mutex.h"

namespace ossfs2 {

template <class Notice>
class NoticeQueue {
 public:
  static constexpr std::chrono::seconds kWaitMax{1};

  NoticeQueue(const char* thread_name, std::function<void(const Notice&)> tell)
      : tell_(std::move(tell)), thread_([this] { ThreadMain(); }) {
    pthread_setname_np(thread_.native_handle(), thread_name);
  }
  ~NoticeQueue() { Stop(); }

  void Add(Notice notice) EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    if (stopping_) return;
    waiting_.insert(std::move(notice));
    wake_.NotifyOne();
  }

  size_t waiting() EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    return waiting_.size();
  }

  // Taken back if it waits. If it is being told, this returns after that, or after kWaitMax.
  void Withdraw(const Notice& notice) EXCLUDES(mutex_) {
    const auto until = std::chrono::steady_clock::now() + kWaitMax;
    MutexLock lock(mutex_);
    if (waiting_.erase(notice) > 0) told_.NotifyAll();
    while (telling_ == notice)
      if (!WaitForTold(lock, until)) return;
  }

  // Until it has been told, or taken back. False: after kWaitMax it has not been.
  bool Await(const Notice& notice) EXCLUDES(mutex_) {
    const auto until = std::chrono::steady_clock::now() + kWaitMax;
    MutexLock lock(mutex_);
    while (telling_ == notice || waiting_.contains(notice))
      if (!WaitForTold(lock, until)) return false;
    return true;
  }

  // Idempotent; from one thread.
  void Stop() EXCLUDES(mutex_) {
    {
      MutexLock lock(mutex_);
      stopping_ = true;
      wake_.NotifyAll();
      told_.NotifyAll();
    }
    if (thread_.joinable()) thread_.join();
  }

 private:
  // False: no time is left, or nothing more is told.
  bool WaitForTold(MutexLock& lock, std::chrono::steady_clock::time_point until) REQUIRES(mutex_) {
    const auto left = until - std::chrono::steady_clock::now();
    return !stopping_ && left > left.zero() && told_.WaitFor(lock, left);
  }

  void ThreadMain() EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    while (!stopping_) {
      if (waiting_.empty()) {
        wake_.Wait(lock);
        continue;
      }
      telling_ = std::move(waiting_.extract(waiting_.begin()).value());
      const Notice& notice = *telling_;  // nobody else changes it
      lock.Unlock();
      tell_(notice);
      lock.Lock();
      telling_.reset();
      told_.NotifyAll();
    }
  }

  const std::function<void(const Notice&)> tell_;
  Mutex mutex_;
  CondVar wake_;
  std::set<Notice> waiting_ GUARDED_BY(mutex_);
  std::optional<Notice> telling_ GUARDED_BY(mutex_);
  CondVar told_;
  bool stopping_ GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace ossfs2
