#include "data/upload_memory.h"

#include <chrono>
#include <memory>
#include <utility>

#include "base/mutex.h"

namespace ossfs2 {
namespace {

constexpr auto kReliefInterval = std::chrono::milliseconds(100);

// What the pool's callback fills; outlives both sides.
struct Grant {
  Mutex mutex;
  CondVar arrived;
  bool granted GUARDED_BY(mutex) = false;
  std::vector<BlockRef> blocks GUARDED_BY(mutex);
};

}  // namespace

std::vector<BlockRef> UploadMemory::Acquire(size_t count) {
  std::vector<BlockRef> blocks = TryAcquire(count);
  if (blocks.size() == count) return blocks;
  waiters_.fetch_add(1, std::memory_order_relaxed);
  const auto grant = std::make_shared<Grant>();
  pool_.AllocateAsync(MemoryTag::kUpload, count, [grant](std::vector<BlockRef> given) {
    MutexLock lock(grant->mutex);
    grant->blocks = std::move(given);
    grant->granted = true;
    grant->arrived.NotifyAll();
  });
  if (relief_) relief_(count);
  MutexLock lock(grant->mutex);
  while (!grant->granted) {
    if (grant->arrived.WaitFor(lock, kReliefInterval) || grant->granted || !relief_) continue;
    lock.Unlock();
    relief_(count);
    lock.Lock();
  }
  waiters_.fetch_sub(1, std::memory_order_relaxed);
  return std::move(grant->blocks);
}

}  // namespace ossfs2
