#include "data/upload_scheduler.h"

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
  for (;;) {
    Job job;
    {
      MutexLock lock(mutex_);
      if (!TakeNext(job)) return;
    }
    job([this] {
      {
        MutexLock lock(mutex_);
        --in_flight_;
      }
      Pump();
    });
  }
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
