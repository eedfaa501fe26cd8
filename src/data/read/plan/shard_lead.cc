#include "data/read/plan/shard_lead.h"

#include <algorithm>

namespace ossfs2 {

ShardLead::~ShardLead() {
  if (shown_ != nullptr) shown_->Add(-static_cast<int64_t>(held_bytes()));
}

void ShardLead::OnReadWhole(uint64_t file_id, uint64_t bytes, int64_t now_ns) {
  MutexLock lock(mutex_);
  if (read_whole_.count(file_id) != 0 || read_whole_.size() >= kRememberedMax) read_whole_.clear();
  read_whole_.insert(file_id);
  if (now_ns - credit_ns_ > kIdleNs) credit_bytes_ = 0;
  credit_bytes_ = std::min(credit_bytes_ + bytes, bytes_max_);
  credit_ns_ = now_ns;
}

bool ShardLead::WasReadWhole(uint64_t file_id) const {
  MutexLock lock(mutex_);
  return read_whole_.count(file_id) != 0;
}

void ShardLead::OnGivenUp() {
  MutexLock lock(mutex_);
  credit_bytes_ = 0;
}

bool ShardLead::HasCredit(int64_t now_ns) const {
  MutexLock lock(mutex_);
  return Allowed(now_ns) != 0;
}

bool ShardLead::MayTake(uint64_t bytes, const std::shared_ptr<PrefetchSource>& file, int64_t now_ns) {
  MutexLock lock(mutex_);
  if (held_bytes_ + bytes <= Allowed(now_ns)) return true;
  std::erase_if(waiters_, [&](const std::weak_ptr<PrefetchSource>& waiter) {
    return waiter.expired() || (!waiter.owner_before(file) && !file.owner_before(waiter));
  });
  if (waiters_.size() < kWaitersMax) waiters_.push_back(file);
  has_waiters_.store(true, std::memory_order_relaxed);
  return false;
}

void ShardLead::Take(uint64_t bytes) {
  MutexLock lock(mutex_);
  Hold(static_cast<int64_t>(bytes));
}

void ShardLead::Return(uint64_t bytes) {
  MutexLock lock(mutex_);
  Hold(-static_cast<int64_t>(std::min(held_bytes_, bytes)));
}

// The gauge changes by what changed: set to a number that was looked up before, it could stay behind for good.
void ShardLead::Hold(int64_t more) {
  held_bytes_ += static_cast<uint64_t>(more);
  if (shown_ != nullptr) shown_->Add(more);
}

std::shared_ptr<PrefetchSource> ShardLead::TakeWaiter(int64_t now_ns) {
  MutexLock lock(mutex_);
  while (!waiters_.empty() && held_bytes_ < Allowed(now_ns)) {
    std::shared_ptr<PrefetchSource> file = waiters_.front().lock();
    waiters_.erase(waiters_.begin());
    has_waiters_.store(!waiters_.empty(), std::memory_order_relaxed);
    if (file) return file;
  }
  return nullptr;
}

uint64_t ShardLead::held_bytes() const {
  MutexLock lock(mutex_);
  return held_bytes_;
}

}  // namespace ossfs2
