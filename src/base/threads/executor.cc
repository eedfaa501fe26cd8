#include "base/threads/executor.h"

#include <pthread.h>

#include <system_error>

namespace ossfs2 {

Executor::Executor(std::string name, size_t threads_max, std::chrono::milliseconds idle_max)
    : name_(std::move(name)), threads_max_(threads_max == 0 ? 1 : threads_max), idle_max_(idle_max) {
  MutexLock lock(mutex_);
  AddThread();
}

Executor::~Executor() { Shutdown(); }

void Executor::Run(std::function<void()> task) {
  if (!Enqueue(task)) task();
}

bool Executor::Enqueue(std::function<void()>& task) {
  MutexLock lock(mutex_);
  if (stopping_) return false;
  if (queue_.size() >= idle_ && threads_.size() < threads_max_) AddThread();
  if (threads_.empty()) return false;
  queue_.push_back(std::move(task));
  wake_.NotifyOne();
  return true;
}

void Executor::AddThread() {
  threads_.emplace_front();
  const auto self = threads_.begin();
  try {
    *self = std::thread([this, self] { ThreadMain(self); });
    pthread_setname_np(self->native_handle(), name_.substr(0, 15).c_str());
  } catch (const std::system_error&) {  // the thread limit of the machine: fewer must do
    threads_.erase(self);
  }
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
    bool woken = true;
    if (threads_.size() > 1) {
      woken = wake_.WaitFor(lock, idle_max_);
    } else {
      wake_.Wait(lock);
    }
    --idle_;
    if (!woken && queue_.empty() && threads_.size() > 1) break;
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
