// UploadMemory: blocks for writers, who wait in order and never fail.
//
// A writer that waits holds nothing that could be sent or spilled (it gave that up first), and
// asks the other files, through the relief function, to give up theirs: part buffers with enough
// in them are sent early, smaller ones spilled. So waiting never turns into a standstill, however
// many writers share however small a pool. Relief is asked again every 100 ms while a writer
// waits, because a file may have been in use when it was asked.
// Thread-safe. Acquire blocks; never call it from a network thread.
#pragma once

#include <atomic>
#include <cstddef>
#include <functional>
#include <vector>

#include "data/memory_pool.h"

namespace ossfs2 {

class UploadMemory {
 public:
  explicit UploadMemory(MemoryPool& pool) : pool_(pool) {}

  // Set once, before the first Acquire: gives up about so many blocks, soon; must not wait for memory.
  void SetRelief(std::function<void(size_t blocks)> relief) { relief_ = std::move(relief); }

  std::vector<BlockRef> TryAcquire(size_t count) { return pool_.TryAllocate(MemoryTag::kUpload, count); }
  std::vector<BlockRef> Acquire(size_t count);
  // Somebody waits: those who write give up their buffers as soon as they may.
  bool HasWaiters() const { return waiters_.load(std::memory_order_relaxed) > 0; }

 private:
  MemoryPool& pool_;
  std::function<void(size_t)> relief_;
  std::atomic<int> waiters_{0};
};

}  // namespace ossfs2
