#include "oss/fakes/memory_call_queue.h"

#include <algorithm>

namespace ossfs2::oss {

class MemoryCallQueue::Pending {
 public:
  explicit Pending(Work work) : work_(std::move(work)) {}
  void Cancel() { canceled_ = true; }
  void Finish() { std::exchange(work_, nullptr)(canceled_); }

 private:
  std::atomic<bool> canceled_{false};
  Work work_;
};

// What the caller gets. The store outlives its calls, so the queue is there while the call is.
class MemoryCallQueue::Handle final : public StoreCall {
 public:
  Handle(MemoryCallQueue& queue, std::weak_ptr<Pending> call) : queue_(queue), call_(std::move(call)) {}
  void Cancel() override {
    if (const std::shared_ptr<Pending> call = call_.lock()) queue_.Cancel(call);
  }

 private:
  MemoryCallQueue& queue_;
  const std::weak_ptr<Pending> call_;
};

MemoryCallQueue::MemoryCallQueue() : thread_([this] { ThreadMain(); }) {}

MemoryCallQueue::~MemoryCallQueue() {
  {
    MutexLock lock(mutex_);
    stopping_ = true;
    wake_.NotifyAll();
  }
  thread_.join();
}

std::shared_ptr<StoreCall> MemoryCallQueue::Add(std::chrono::milliseconds latency, Work work) {
  auto call = std::make_shared<Pending>(std::move(work));
  auto handle = std::make_shared<Handle>(*this, call);
  MutexLock lock(mutex_);
  if (hold_) {
    held_.push_back(std::move(call));
  } else {
    due_.emplace(std::chrono::steady_clock::now() + latency, std::move(call));
  }
  wake_.NotifyAll();
  return handle;
}

void MemoryCallQueue::Hold(bool hold) {
  MutexLock lock(mutex_);
  hold_ = hold;
  if (!hold) ReleaseLocked(held_.size());
}

size_t MemoryCallQueue::HeldCount() const {
  MutexLock lock(mutex_);
  return held_.size();
}

void MemoryCallQueue::Release(size_t count) {
  MutexLock lock(mutex_);
  ReleaseLocked(count);
}

// A canceled call is due at once, whether it was held or late.
void MemoryCallQueue::Cancel(const std::shared_ptr<Pending>& call) {
  call->Cancel();
  MutexLock lock(mutex_);
  size_t found = std::erase(held_, call);
  for (auto at = due_.begin(); at != due_.end() && found == 0; ++at) {
    if (at->second != call) continue;
    due_.erase(at);
    found = 1;
    break;
  }
  if (found != 0) Ready(call);
}

void MemoryCallQueue::Ready(const std::shared_ptr<Pending>& call) {
  due_.emplace(std::chrono::steady_clock::now(), call);
  wake_.NotifyAll();
}

void MemoryCallQueue::ReleaseLocked(size_t count) {
  for (; count > 0 && !held_.empty(); --count) {
    Ready(held_.front());
    held_.pop_front();
  }
}

void MemoryCallQueue::End(std::chrono::milliseconds after, std::chrono::milliseconds grace) {
  MutexLock lock(mutex_);
  cancel_at_ = std::min(cancel_at_, std::chrono::steady_clock::now() + after);
  refuse_at_ = std::min(refuse_at_, cancel_at_ + grace);
  wake_.NotifyAll();
}

void MemoryCallQueue::CancelAllLocked() {
  ReleaseLocked(held_.size());
  std::multimap<Time, std::shared_ptr<Pending>> canceled;
  canceled.swap(due_);
  for (const auto& [time, call] : canceled) {
    call->Cancel();
    Ready(call);
  }
}

void MemoryCallQueue::ThreadMain() {
  MutexLock lock(mutex_);
  while (true) {
    const Time now = std::chrono::steady_clock::now();
    if (now >= cancel_at_ || Refuses()) CancelAllLocked();
    if (now >= cancel_at_) cancel_at_ = Time::max();
    if (due_.empty() && stopping_) return;
    const Time next = std::min({cancel_at_, refuse_at_ > now ? refuse_at_ : Time::max(),
                                due_.empty() ? Time::max() : due_.begin()->first});
    if (next == Time::max()) {
      wake_.Wait(lock);
      continue;
    }
    if (due_.empty() || due_.begin()->first > std::chrono::steady_clock::now()) {
      wake_.WaitFor(lock, next - now);
      continue;
    }
    std::shared_ptr<Pending> call = std::move(due_.begin()->second);
    due_.erase(due_.begin());
    lock.Unlock();
    call->Finish();
    call.reset();
    lock.Lock();
  }
}

}  // namespace ossfs2::oss
