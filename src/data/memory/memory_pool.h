// MemoryPool: all payload memory of the mount, one hard budget of fixed blocks.
//
// What it is: blocks of 256 KiB (memory_block.h) in slabs that are taken as they are first needed and then reused
// (memory_slabs.h). The budget is the bound of total_mem_limit for payload: the pool never holds more than
// limit_bytes (rounded down to whole slabs), proven by gauges per tag.
//
// Sharing: reads (kRead + kCache) may use all but the upload reserve while uploads
// want memory, and uploads all but the read reserve (each a quarter of the limit, at
// least two blocks), so that neither starves the other. kCache is what reads keep
// after use; it is the first to go: when nothing is free the pool asks reclaimers.
// kReceive is where WRITE requests land before a part keeps them: on the side of uploads, at most a
// sixteenth of the limit, never worth reclaiming for.
// kParked is what writes hold that have to wait: at most an eighth of the limit, and never of the upload reserve,
// because they wait for uploads. While some of them wait for this memory, reads leave them a sixteenth, and so some
// always get it. TryAllocate never overtakes a waiter of the same side. A waiter asks for at most what its
// side may ever have (reads: limit less the upload reserve), or it would wait for ever.
//
// Threads: all methods from any thread; `ready` callbacks run on the thread that freed
// the memory, without the pool's lock, and must not block; one that frees memory itself returns before
// the next begins (RunInTurn). Reclaimers run without the
// pool's lock, on an allocating thread: do not allocate with a lock held that a reclaimer takes.
// Errors: none; an allocation waits or TryAllocate says no.
// Slabs that have been idle are given back to the system by ReleaseIdle (called by a timer).
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <list>
#include <vector>

#include "base/threads/mutex.h"
#include "data/memory/memory_block.h"
#include "data/memory/memory_slabs.h"

namespace ossfs2 {

class MemoryPool {
 public:
  static constexpr size_t kBlockBytes = Block::kBytes;
  static constexpr uint64_t kLimitBytesMin = 16ull << 20;

  explicit MemoryPool(uint64_t limit_bytes);
  ~MemoryPool();  // waits up to ten seconds for blocks on other threads; then it is a programming error
  MemoryPool(const MemoryPool&) = delete;
  MemoryPool& operator=(const MemoryPool&) = delete;

  // One block, or null when the tag's share is used up and reclaiming gave nothing.
  BlockRef TryAllocate(MemoryTag tag) EXCLUDES(mutex_);
  // `count` blocks at once or none (empty).
  std::vector<BlockRef> TryAllocate(MemoryTag tag, size_t count) EXCLUDES(mutex_);
  // Calls `ready` once with `count` blocks, now or when they come free; waiters of a tag are served in order.
  // The ticket of the wait, for CancelWait; 0: served at once.
  uint64_t AllocateAsync(MemoryTag tag, size_t count, std::function<void(std::vector<BlockRef>)> ready)
      EXCLUDES(mutex_);
  // Gives a wait up: true, and its `ready` never runs; false when it was served.
  bool CancelWait(uint64_t ticket) EXCLUDES(mutex_);
  // Ends the waits for this tag: each `ready` gets no blocks.
  void RefuseWaiters(MemoryTag tag) EXCLUDES(mutex_);

  // Moves a block to another tag's account (consumed read data becomes cache).
  void Retag(Block& block, MemoryTag tag) EXCLUDES(mutex_);

  // `reclaim(n)` frees about n blocks if it can, least recently used first. Registered for the pool's life.
  void AddReclaimer(std::function<void(size_t blocks_wanted)> reclaim) EXCLUDES(mutex_);

  void ReleaseIdle() EXCLUDES(mutex_);

  uint64_t limit_bytes() const { return limit_bytes_; }
  // What uploads may hold at most.
  uint64_t upload_share_bytes() const { return (limit_blocks_ - reserve_blocks_) * kBlockBytes; }
  uint64_t UsedBytes(MemoryTag tag) const EXCLUDES(mutex_);
  uint64_t UsedBytes() const EXCLUDES(mutex_);
  uint64_t MappedBytes() const EXCLUDES(mutex_);
  uint64_t PeakBytes() const EXCLUDES(mutex_);
  size_t Waiters(MemoryTag tag) const EXCLUDES(mutex_);
  // Some waiter could be served if reads gave memory up; false: uploads wait for uploads.
  bool ReclaimHelps() const EXCLUDES(mutex_);
  // Somebody waits for memory now. Cheap, no lock.
  bool UnderPressure() const { return waiting_.load(std::memory_order_relaxed) != 0; }

 private:
  friend struct Block::Return;
  static constexpr size_t kReceiveDivisor = 16;
  static constexpr size_t kParkedDivisor = 8;
  static constexpr size_t kParkedReserveDivisor = 16;
  struct Waiter {
    MemoryTag tag;
    size_t count;
    std::function<void(std::vector<BlockRef>)> ready;
    uint64_t ticket;
  };
  struct Served {
    std::vector<BlockRef> blocks;
    std::function<void(std::vector<BlockRef>)> ready;
  };

  static bool IsUpload(MemoryTag tag) { return tag == MemoryTag::kUpload || tag == MemoryTag::kReceive; }
  size_t Used(MemoryTag tag) const REQUIRES(mutex_) { return used_[static_cast<size_t>(tag)]; }
  size_t UsedByReads() const REQUIRES(mutex_) { return Used(MemoryTag::kRead) + Used(MemoryTag::kCache); }
  size_t UsedByUploads() const REQUIRES(mutex_) { return Used(MemoryTag::kUpload) + Used(MemoryTag::kReceive); }
  size_t UsedBlocks() const REQUIRES(mutex_) { return UsedByReads() + UsedByUploads() + Used(MemoryTag::kParked); }
  // No memory that others give back would help.
  bool IsShareUsedUp(MemoryTag tag, size_t count) const REQUIRES(mutex_);
  bool Fits(MemoryTag tag, size_t count) const REQUIRES(mutex_);
  std::list<Waiter>& Queue(MemoryTag tag) REQUIRES(mutex_);
  const std::list<Waiter>& Queue(MemoryTag tag) const REQUIRES(mutex_);
  std::vector<BlockRef> Take(MemoryTag tag, size_t count) REQUIRES(mutex_);
  void Account(MemoryTag tag, int64_t blocks) REQUIRES(mutex_);
  std::vector<Served> ServeWaiters() REQUIRES(mutex_);
  static void Hand(std::vector<Served>& served);
  void Reclaim(size_t count) EXCLUDES(mutex_);
  void Return(Block* block) EXCLUDES(mutex_);

  const uint64_t limit_bytes_;
  const size_t limit_blocks_;
  const size_t reserve_blocks_;
  std::atomic<size_t> waiting_{0};
  mutable Mutex mutex_;
  CondVar empty_;
  MemorySlabs slabs_ GUARDED_BY(mutex_);
  std::array<size_t, kMemoryTags> used_ GUARDED_BY(mutex_){};
  std::list<Waiter> read_waiters_ GUARDED_BY(mutex_);
  std::list<Waiter> upload_waiters_ GUARDED_BY(mutex_);
  std::list<Waiter> parked_waiters_ GUARDED_BY(mutex_);
  uint64_t last_ticket_ GUARDED_BY(mutex_) = 0;
  size_t peak_blocks_ GUARDED_BY(mutex_) = 0;
  std::vector<std::function<void(size_t)>> reclaimers_ GUARDED_BY(mutex_);
};

}  // namespace ossfs2
