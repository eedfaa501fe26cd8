// MemoryPool: all payload memory of the mount, one hard budget of fixed blocks.
//
// What it is: blocks of 256 KiB cut from 2 MiB-aligned MADV_HUGEPAGE slabs that are
// mapped as they are first needed, touched once and then reused (first touch of fresh memory
// costs 0.4-2.5 s/GiB, limits.md). The budget is the bound of total_mem_limit for payload:
// the pool never maps more than limit_bytes, proven by gauges per tag.
//
// Sharing: reads (kRead + kCache) may use all but the upload reserve while uploads
// want memory, and uploads all but the read reserve (each a quarter of the limit, at
// least two blocks), so that neither starves the other. kCache is what reads keep
// after use; it is the first to go: when nothing is free the pool asks reclaimers.
//
// Threads: all methods from any thread; `ready` callbacks run on the thread that freed
// the memory, without the pool's lock, and must not block. Reclaimers run without the
// pool's lock, on an allocating thread.
// Errors: none; an allocation waits or TryAllocate says no.
// Slabs that have been idle are given back to the system by ReleaseIdle (called by a timer).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <span>
#include <vector>

#include "base/mutex.h"

namespace ossfs2 {

enum class MemoryTag : uint8_t { kRead, kCache, kUpload, kStaging };
inline constexpr size_t kMemoryTags = 4;
const char* MemoryTagName(MemoryTag tag);

class MemoryPool;

// One block; goes back to its pool when the last reference is gone.
class Block {
 public:
  std::byte* data() const { return data_; }
  std::span<std::byte> span() const;
  MemoryTag tag() const { return tag_; }

 private:
  friend class MemoryPool;
  std::byte* data_ = nullptr;
  MemoryTag tag_ = MemoryTag::kRead;
};
using BlockRef = std::shared_ptr<Block>;

class MemoryPool {
 public:
  static constexpr size_t kBlockBytes = 256u << 10;
  static constexpr uint64_t kLimitBytesMin = 16ull << 20;

  explicit MemoryPool(uint64_t limit_bytes);
  ~MemoryPool();  // all blocks must be back
  MemoryPool(const MemoryPool&) = delete;
  MemoryPool& operator=(const MemoryPool&) = delete;

  // One block, or null when the tag's share is used up and reclaiming gave nothing.
  BlockRef TryAllocate(MemoryTag tag) EXCLUDES(mutex_);
  // `count` blocks at once or none (empty).
  std::vector<BlockRef> TryAllocate(MemoryTag tag, size_t count) EXCLUDES(mutex_);
  // Calls `ready` once with `count` blocks, now or when they come free; waiters of a tag are served in order.
  void AllocateAsync(MemoryTag tag, size_t count, std::function<void(std::vector<BlockRef>)> ready) EXCLUDES(mutex_);
  // Blocks the thread until there. Executor threads only.
  std::vector<BlockRef> Allocate(MemoryTag tag, size_t count) EXCLUDES(mutex_);

  // Moves a block to another tag's account (consumed read data becomes cache).
  void Retag(Block& block, MemoryTag tag) EXCLUDES(mutex_);

  // `reclaim(n)` frees about n blocks if it can, least recently used first. Registered for the pool's life.
  void AddReclaimer(std::function<void(size_t blocks_wanted)> reclaim) EXCLUDES(mutex_);

  void ReleaseIdle() EXCLUDES(mutex_);

  uint64_t limit_bytes() const { return limit_bytes_; }
  uint64_t UsedBytes(MemoryTag tag) const EXCLUDES(mutex_);
  uint64_t UsedBytes() const EXCLUDES(mutex_);
  uint64_t MappedBytes() const EXCLUDES(mutex_);
  uint64_t PeakBytes() const EXCLUDES(mutex_);
  size_t Waiters(MemoryTag tag) const EXCLUDES(mutex_);

 private:
  struct Impl;  // memory_pool.cc may also use plain members instead; the owner of the file decides
  const uint64_t limit_bytes_;
  mutable Mutex mutex_;
  std::unique_ptr<Impl> impl_;
};

}  // namespace ossfs2
