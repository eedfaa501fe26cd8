// ReadCache: what is in memory and complete, over all files, in the order in which it may go.
//
// Two lists. *Unread*: fetched ahead, not read to the end yet. *Consumed*: read to the end;
// its memory counts as kCache and goes first. A chunk is in one list, or in none while its GET
// runs. Consumed chunks stay at least up to cache_bytes; beyond that free
// memory is used as a cache for a short while (kGrace), so that reads out of order, retries and other readers
// of the same bytes do not ask again: how much of it, follows from who was seen lately (Keep). A chunk that is hurried
// out (Hurry) does not stay: for long reads through the page cache that is the rule (CachedFile::PageCacheKeeps).
// A chunk used since it was queued gets a second turn (hits take no lock here), and so does one
// that another stream of its file is still coming to.
//
// Lock order: a file's mutex, then this one, then the pool's. Reclaim, Trim and Expire take
// files' mutexes: call them without one.
#pragma once

#include <atomic>
#include <cstdint>
#include <list>
#include <memory>
#include <optional>

#include "base/threads/mutex.h"
#include "data/read/chunks/chunk.h"

namespace ossfs2 {

class ChunkOwner {
 public:
  virtual ~ChunkOwner() = default;
  // Takes the chunk out of the file if it may go; false: it was kept and queued again.
  virtual bool Evict(const ChunkRef& chunk, bool may_spare) = 0;
};

struct Chunk::CacheEntry {
  std::weak_ptr<ChunkOwner> owner;
  ChunkRef chunk;
  int64_t added_ns = 0;
  int64_t keep_ns = 0;  // after the last use, beyond cache_bytes
  bool spared = false;
  bool hurried = false;
};

class ReadCache {
 public:
  // Beyond cache_bytes.
  enum class Keep {
    kLittle,  // direct_io, and nobody is known who will read it again. What is used over and over stays in the
              // processor's cache
    kRecent,  // the rule: several direct readers read the same file, or the mount has a page cache
    kShared,  // they come to the same bytes one after the other: for longer, too
  };
  static constexpr uint64_t kLittleBytesMax = 48ull << 20;
  static constexpr uint64_t kRecentBytesMax = 512ull << 20;  // and at most half the pool, which is what kShared keeps
  static constexpr int64_t kGraceNs = 2'000'000'000;    // consumed data beyond cache_bytes
  static constexpr int64_t kSharedGraceNs = 10'000'000'000;  // the same while readers share
  static constexpr int64_t kReopenNs = 10'000'000'000;  // unread data of a closed file

  ReadCache(MemoryPool& pool, uint64_t cache_bytes);

  // These four under the file's lock.
  void AddUnread(const std::weak_ptr<ChunkOwner>& owner, const ChunkRef& chunk, int64_t now_ns) EXCLUDES(mutex_);
  void AddConsumed(const std::weak_ptr<ChunkOwner>& owner, const ChunkRef& chunk, int64_t now_ns, int64_t keep_ns,
                   bool spared = false) EXCLUDES(mutex_);
  void Remove(Chunk& chunk) EXCLUDES(mutex_);
  // Nobody needs the chunk any more: if it is consumed, and not used again until then, it goes at the next Trim,
  // whatever the limit.
  void Hurry(Chunk& chunk) EXCLUDES(mutex_);

  // Frees about so many blocks of consumed chunks; with `unread_before_ns` then also unread
  // ones not used since. Returns blocks freed.
  size_t Reclaim(size_t blocks_wanted, int64_t unread_before_ns) EXCLUDES(mutex_);
  size_t ReclaimUnread(size_t blocks_wanted, int64_t unread_before_ns) EXCLUDES(mutex_);
  bool OverLimit() const {
    return ConsumedBytes() > limit_bytes_.load(std::memory_order_relaxed) ||
           hurried_.load(std::memory_order_relaxed) != 0;
  }
  void SetKeep(Keep keep);
  void Trim() EXCLUDES(mutex_);
  void Expire(int64_t now_ns) EXCLUDES(mutex_);

  uint64_t ConsumedBytes() const { return consumed_bytes_.load(std::memory_order_relaxed); }
  uint64_t UnreadBytes() const { return unread_bytes_.load(std::memory_order_relaxed); }

 private:
  using List = std::list<Chunk::CacheEntry>;
  static uint64_t Held(const Chunk& chunk) { return chunk.blocks.size() * MemoryPool::kBlockBytes; }
  void Unlink(Chunk& chunk, List& removed) REQUIRES(mutex_);
  // Blocks freed; 0 when the victim was spared; nothing when there is none.
  std::optional<size_t> EvictConsumed() EXCLUDES(mutex_);
  std::optional<size_t> EvictUnread(int64_t unread_before_ns) EXCLUDES(mutex_);
  size_t Evict(Chunk::CacheEntry entry, bool may_spare);

  MemoryPool& pool_;
  const uint64_t cache_bytes_;
  std::atomic<uint64_t> limit_bytes_;
  std::atomic<bool> keep_longer_{false};
  std::atomic<uint64_t> consumed_bytes_{0};
  std::atomic<uint64_t> unread_bytes_{0};
  std::atomic<size_t> hurried_{0};  // entries at the front of consumed_
  mutable Mutex mutex_;
  List unread_ GUARDED_BY(mutex_);
  List consumed_ GUARDED_BY(mutex_);
};

}  // namespace ossfs2
