#include "data/upload/upload_scheduler.h"

#include <algorithm>
#include <utility>

namespace ossfs2 {

void UploadScheduler::Submit(uint64_t owner, Job job) {
  {
    MutexLock lock(mutex_);
    auto& queue = queues_[owner];
    if (queue.empty()) order_.push_back(owner);
    queue.push_back(std::move(job));
  }
  Pump();
}

bool UploadScheduler::TakeNext(Job& job) {
  if (in_flight_ >= std::max(concurrency_.value(), 1) || order_.empty()) return false;
  const uint64_t owner = order_.front();
  order_.pop_front();
  const auto found = queues_.find(owner);
  job = std::move(found->second.front());
  found->second.pop_front();
  if (found->second.empty())
    queues_.erase(found);
  else
    order_.push_back(owner);
  ++in_flight_;
  peak_ = std::max(peak_, in_flight_);
  return true;
}

void UploadScheduler::Pump() {
  // A job that is refused ends inside its start: the loop below goes on with the next. One level of the stack for each
  // of thousands of jobs would overflow it.
  thread_local const UploadScheduler* pumping = nullptr;
  if (pumping == this) return;
  const UploadScheduler* const outer = std::exchange(pumping, this);
  for (;;) {
    Job job;
    {
      MutexLock lock(mutex_);
      if (!TakeNext(job)) break;
    }
    job([this] {
      {
        MutexLock lock(mutex_);
        --in_flight_;
      }
      Pump();
    });
  }
  pumping = outer;
}

int UploadScheduler::InFlight() const {
  MutexLock lock(mutex_);
  return in_flight_;
}

int UploadScheduler::InFlightPeak() const {
  MutexLock lock(mutex_);
  return peak_;
}

}  // namespace ossfs2
