#include "base/threads/timer.h"

#include <pthread.h>

#include <algorithm>

namespace ossfs2 {
namespace {
// "Never" as the largest duration would overflow the clock and run at once.
constexpr std::chrono::nanoseconds kDelayMax = std::chrono::hours(24 * 365);
}  // namespace

Timer::Timer() : thread_([this] { ThreadMain(); }) { pthread_setname_np(thread_.native_handle(), "timer"); }

Timer::~Timer() {
  {
    MutexLock lock(mutex_);
    stopping_ = true;
    wake_.NotifyAll();
  }
  thread_.join();
}

Timer::Id Timer::After(std::chrono::nanoseconds delay, std::function<void()> callback) {
  MutexLock lock(mutex_);
  const Id id = next_++;
  const auto when = std::chrono::steady_clock::now() + std::min(delay, kDelayMax);
  const bool first = pending_.empty() || when < pending_.begin()->first.first;
  pending_.emplace(Key{when, id}, std::move(callback));
  times_.emplace(id, when);
  if (first) wake_.NotifyAll();
  return id;
}

bool Timer::Cancel(Id id) {
  std::function<void()> dropped;  // destroyed after the lock
  MutexLock lock(mutex_);
  const auto it = times_.find(id);
  if (it == times_.end()) return false;
  const auto entry = pending_.find(Key{it->second, id});
  dropped = std::move(entry->second);
  pending_.erase(entry);
  times_.erase(it);
  lock.Unlock();
  dropped = nullptr;
  lock.Lock();
  return true;
}

void Timer::ThreadMain() {
  MutexLock lock(mutex_);
  while (!stopping_) {
    if (pending_.empty()) {
      wake_.Wait(lock);
      continue;
    }
    const auto now = std::chrono::steady_clock::now();
    const auto first = pending_.begin();
    if (first->first.first > now) {
      wake_.WaitFor(lock, first->first.first - now);
      continue;
    }
    std::function<void()> callback = std::move(first->second);
    times_.erase(first->first.second);
    pending_.erase(first);
    lock.Unlock();
    callback();
    callback = nullptr;
    lock.Lock();
  }
}

}  // namespace ossfs2
