#include "data/upload/upload_memory.h"

#include <cerrno>
#include <memory>
#include <utility>

#include "base/values/str.h"

namespace ossfs2 {
namespace {

constexpr auto kReliefInterval = std::chrono::milliseconds(100);
constexpr int kRefusalsPerBound = 16;

// What the pool's callback fills; outlives both sides.
struct Grant {
  Mutex mutex;
  CondVar arrived;
  bool granted GUARDED_BY(mutex) = false;
  std::vector<BlockRef> blocks GUARDED_BY(mutex);
};

}  // namespace

std::chrono::nanoseconds StandstillWatch::Look(SteadyTime now, const UploadProgress& seen) {
  if (seen.moving || seen.used_bytes < last_.used_bytes || seen.grants != last_.grants) since_ = now;
  last_ = seen;
  return now - since_;
}

UploadProgress UploadMemory::Progress(size_t count) const {
  UploadProgress progress;
  progress.used_bytes = pool_.UsedBytes(MemoryTag::kUpload) + pool_.UsedBytes(MemoryTag::kReceive);
  progress.grants = grants_.load(std::memory_order_relaxed);
  const bool reads_hold_it = progress.used_bytes + count * MemoryPool::kBlockBytes <= pool_.upload_share_bytes();
  progress.moving = reads_hold_it || (busy_ && busy_());
  return progress;
}

bool UploadMemory::MayRefuse(SteadyTime now) {
  MutexLock lock(mutex_);
  if (now < next_refusal_) return false;
  next_refusal_ = now + standstill_max_.value() / kRefusalsPerBound;
  return true;
}

void UploadMemory::NoteSpillFailure(const Status& status) {
  if (status) return;
  MutexLock lock(mutex_);
  spill_failure_ = status.error().text;
}

Error UploadMemory::Refusal() {
  if (stopping()) return MakeError(EIO, ErrorKind::kCanceled, "the file system was shut down");
  const auto waited = std::chrono::duration_cast<std::chrono::seconds>(standstill_max_.value()).count();
  std::string why;
  {
    MutexLock lock(mutex_);
    why = spill_failure_;
  }
  if (why.empty()) why = "none of them could be moved to the staging folder";
  return MakeError(ENOSPC, ErrorKind::kNoSpace,
                   StrCat("memory for writes is used up by files that are open and unfinished, none came free for ",
                          waited, " s, and it cannot be moved to disk: ", why,
                          ". Or close files that are being written, or raise total_mem_limit."));
}

Result<std::vector<BlockRef>> UploadMemory::Acquire(size_t count) {
  std::vector<BlockRef> blocks = TryAcquire(count);
  if (blocks.size() == count) return blocks;
  if (stopping()) return Refusal();
  waiters_.fetch_add(1, std::memory_order_relaxed);
  const auto grant = std::make_shared<Grant>();
  const uint64_t ticket = pool_.AllocateAsync(MemoryTag::kUpload, count, [grant](std::vector<BlockRef> given) {
    MutexLock lock(grant->mutex);
    grant->blocks = std::move(given);
    grant->granted = true;
    grant->arrived.NotifyAll();
  });
  if (relief_) relief_(count);
  StandstillWatch watch(Clock::Real().NowSteady(), Progress(count));
  bool refused = false;
  MutexLock lock(grant->mutex);
  while (!grant->granted && !refused) {
    if (grant->arrived.WaitFor(lock, kReliefInterval) || grant->granted) continue;
    lock.Unlock();
    if (relief_) relief_(count);
    const SteadyTime now = Clock::Real().NowSteady();
    const bool still = watch.Look(now, Progress(count)) >= standstill_max_.value();
    refused = (stopping() || (still && MayRefuse(now))) && pool_.CancelWait(ticket);
    lock.Lock();
  }
  waiters_.fetch_sub(1, std::memory_order_relaxed);
  if (refused) return Refusal();
  grants_.fetch_add(1, std::memory_order_relaxed);
  return std::move(grant->blocks);
}

}  // namespace ossfs2
