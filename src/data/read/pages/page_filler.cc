#include "data/read/pages/page_filler.h"

#include <pthread.h>

#include <system_error>
#include <utility>

namespace ossfs2 {

void PageFiller::SetKernel(KernelPages* kernel) {
  std::deque<std::function<void(KernelPages&)>> forgotten;  // their chunks go without the lock
  {
    MutexLock lock(mutex_);
    kernel_ = kernel;
    stopping_ = kernel == nullptr;
    on_.store(kernel != nullptr && threads_max_ > 0);
    if (stopping_) queue_.swap(forgotten);
    wake_.NotifyAll();
  }
  if (kernel == nullptr) {
    for (std::thread& thread : threads_) thread.join();
    threads_.clear();
    return;
  }
  try {
    while (static_cast<int>(threads_.size()) < threads_max_) {
      threads_.emplace_back([this] { ThreadMain(); });
      pthread_setname_np(threads_.back().native_handle(), "pages");
    }
  } catch (const std::system_error&) {  // the thread limit of the machine: fewer must do
  }
  if (!threads_.empty()) return;
  // Nobody would take what is queued.
  MutexLock lock(mutex_);
  kernel_ = nullptr;
  on_.store(false);
}

bool PageFiller::Queue(std::function<void(KernelPages&)> fill) {
  MutexLock lock(mutex_);
  if (kernel_ == nullptr || queue_.size() >= kQueueMax) return false;
  queue_.push_back(std::move(fill));
  wake_.NotifyOne();
  return true;
}

void PageFiller::ThreadMain() {
  MutexLock lock(mutex_);
  while (!stopping_) {
    if (queue_.empty()) {
      wake_.Wait(lock);
      continue;
    }
    std::function<void(KernelPages&)> fill = std::move(queue_.front());
    queue_.pop_front();
    KernelPages& kernel = *kernel_;
    lock.Unlock();
    fill(kernel);
    fill = nullptr;
    lock.Lock();
  }
}

}  // namespace ossfs2
