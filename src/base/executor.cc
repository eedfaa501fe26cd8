#include "base/executor.h"

#include <pthread.h>

#include <chrono>
#include <system_error>

namespace ossfs2 {
namespace {
constexpr auto kIdleBeforeLeaving = std::chrono::seconds(10);
}

Executor::Executor(std::string name, size_t threads_max)
    : name_(std::move(name)), threads_max_(threads_max == 0 ? 1 : threads_max) {}

Executor::~Executor() { Shutdown(); }

void Executor::Run(std::function<void()> task) {
  MutexLock lock(mutex_);
  if (stopping_) {
    lock.Unlock();
    task();
    lock.Lock();
    return;
  }
  queue_.push_back(std::move(task));
  if (queue_.size() > idle_ && threads_.size() < threads_max_) {
    threads_.emplace_front();
    auto self = threads_.begin();
    try {
      *self = std::thread([this, self] { ThreadMain(self); });
      pthread_setname_np(self->native_handle(), name_.substr(0, 15).c_str());
    } catch (const std::system_error&) {  // the thread limit of the machine: fewer must do
      threads_.erase(self);
    }
  }
  if (threads_.empty()) {
    task = std::move(queue_.back());
    queue_.pop_back();
    lock.Unlock();
    task();
    lock.Lock();
    return;
  }
  wake_.NotifyOne();
}

void Executor::ThreadMain(std::list<std::thread>::iterator self) {
  MutexLock lock(mutex_);
  for (;;) {
    if (!queue_.empty()) {
      auto task = std::move(queue_.front());
      queue_.pop_front();
      lock.Unlock();
      task();
      task = nullptr;
      lock.Lock();
      continue;
    }
    if (stopping_) break;
    ++idle_;
    const bool woken = wake_.WaitFor(lock, kIdleBeforeLeaving);
    --idle_;
    if (!woken && queue_.empty()) break;
  }
  std::list<std::thread> before;
  before.splice(before.begin(), finished_);
  finished_.splice(finished_.begin(), threads_, self);
  gone_.NotifyAll();
  lock.Unlock();
  for (std::thread& thread : before) thread.join();
  lock.Lock();
}

void Executor::Shutdown() {
  MutexLock lock(mutex_);
  stopping_ = true;
  wake_.NotifyAll();
  while (!threads_.empty()) gone_.Wait(lock);
  std::list<std::thread> last;
  last.splice(last.begin(), finished_);
  lock.Unlock();
  for (std::thread& thread : last) thread.join();
  lock.Lock();
}

size_t Executor::ThreadCount() const {
  MutexLock lock(mutex_);
  return threads_.size();
}

size_t Executor::QueueLength() const {
  MutexLock lock(mutex_);
  return queue_.size();
}

}  // namespace ossfs2
