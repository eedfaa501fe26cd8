#include "data/read/chunks/read_cache.h"

#include <algorithm>

namespace ossfs2 {

ReadCache::ReadCache(MemoryPool& pool, uint64_t cache_bytes) : pool_(pool), cache_bytes_(cache_bytes) {
  SetKeep(Keep::kLittle);
}

void ReadCache::SetKeep(Keep keep) {
  uint64_t bytes = pool_.limit_bytes() / 2;
  if (keep != Keep::kShared) bytes = std::min(bytes, keep == Keep::kRecent ? kRecentBytesMax : kLittleBytesMax);
  limit_bytes_.store(std::max(cache_bytes_, bytes), std::memory_order_relaxed);
  keep_longer_.store(keep == Keep::kShared, std::memory_order_relaxed);
}

void ReadCache::Unlink(Chunk& chunk, List& removed) {
  if (chunk.place == Chunk::Place::kNowhere) return;
  const bool unread = chunk.place == Chunk::Place::kUnread;
  List& list = unread ? unread_ : consumed_;
  if (chunk.cache_entry->hurried) hurried_.fetch_sub(1, std::memory_order_relaxed);
  chunk.cache_entry->hurried = false;
  (unread ? unread_bytes_ : consumed_bytes_).fetch_sub(Held(chunk), std::memory_order_relaxed);
  removed.splice(removed.end(), list, chunk.cache_entry);
  chunk.place = Chunk::Place::kNowhere;
}

void ReadCache::AddUnread(const std::weak_ptr<ChunkOwner>& owner, const ChunkRef& chunk, int64_t now_ns) {
  MutexLock lock(mutex_);
  if (chunk->place != Chunk::Place::kNowhere) return;
  unread_.push_back({.owner = owner, .chunk = chunk, .added_ns = now_ns});
  chunk->cache_entry = std::prev(unread_.end());
  chunk->place = Chunk::Place::kUnread;
  unread_bytes_.fetch_add(Held(*chunk), std::memory_order_relaxed);
}

void ReadCache::AddConsumed(const std::weak_ptr<ChunkOwner>& owner, const ChunkRef& chunk, int64_t now_ns,
                            int64_t keep_ns, bool spared) {
  List removed;
  MutexLock lock(mutex_);
  if (chunk->place == Chunk::Place::kConsumed) return;
  Unlink(*chunk, removed);
  for (const BlockRef& block : chunk->blocks) pool_.Retag(*block, MemoryTag::kCache);
  consumed_.push_back({.owner = owner, .chunk = chunk, .added_ns = now_ns, .keep_ns = keep_ns, .spared = spared});
  chunk->cache_entry = std::prev(consumed_.end());
  chunk->place = Chunk::Place::kConsumed;
  consumed_bytes_.fetch_add(Held(*chunk), std::memory_order_relaxed);
}

void ReadCache::Remove(Chunk& chunk) {
  List removed;  // the caller holds another reference, so no memory is freed here
  MutexLock lock(mutex_);
  Unlink(chunk, removed);
}

void ReadCache::Hurry(Chunk& chunk) {
  MutexLock lock(mutex_);
  if (chunk.place != Chunk::Place::kConsumed || chunk.cache_entry->hurried) return;
  chunk.cache_entry->hurried = true;
  // Its last reader may have come after it was queued; only those from now on count.
  chunk.cache_entry->added_ns = std::max(chunk.cache_entry->added_ns, chunk.used_ns.load(std::memory_order_relaxed));
  hurried_.fetch_add(1, std::memory_order_relaxed);
  consumed_.splice(consumed_.begin(), consumed_, chunk.cache_entry);
}

size_t ReadCache::Evict(Chunk::CacheEntry entry, bool may_spare) {
  const size_t blocks = entry.chunk->blocks.size();
  const std::shared_ptr<ChunkOwner> owner = entry.owner.lock();
  if (owner == nullptr) return blocks;
  return owner->Evict(entry.chunk, may_spare && !entry.spared) ? blocks : 0;
}

std::optional<size_t> ReadCache::EvictConsumed() {
  List victim;
  {
    MutexLock lock(mutex_);
    if (consumed_.empty()) return std::nullopt;
    auto it = consumed_.begin();
    for (size_t turns = consumed_.size(); turns != 0; --turns, it = consumed_.begin()) {
      const int64_t used = it->chunk->used_ns.load(std::memory_order_relaxed);
      if (used <= it->added_ns) break;
      it->added_ns = used;  // used since it was queued: a second turn
      if (it->hurried) hurried_.fetch_sub(1, std::memory_order_relaxed);
      it->hurried = false;
      consumed_.splice(consumed_.end(), consumed_, it);
    }
    Unlink(*it->chunk, victim);
  }
  return Evict(std::move(victim.front()), /*may_spare=*/true);
}

std::optional<size_t> ReadCache::EvictUnread(int64_t unread_before_ns) {
  List victim;
  {
    MutexLock lock(mutex_);
    // Fetched first is not read last: look for one that nobody touches.
    const auto it = std::find_if(unread_.begin(), unread_.end(), [=](const Chunk::CacheEntry& entry) {
      return std::max(entry.added_ns, entry.chunk->used_ns.load(std::memory_order_relaxed)) < unread_before_ns;
    });
    if (it == unread_.end()) return std::nullopt;
    Unlink(*it->chunk, victim);
  }
  return Evict(std::move(victim.front()), /*may_spare=*/false);
}

size_t ReadCache::Reclaim(size_t blocks_wanted, int64_t unread_before_ns) {
  size_t freed = 0;
  // A chunk is spared once, so the loop ends.
  while (freed < blocks_wanted) {
    const std::optional<size_t> count = EvictConsumed();
    if (!count) break;
    freed += *count;
  }
  if (freed < blocks_wanted && unread_before_ns != 0) freed += ReclaimUnread(blocks_wanted - freed, unread_before_ns);
  return freed;
}

size_t ReadCache::ReclaimUnread(size_t blocks_wanted, int64_t unread_before_ns) {
  size_t freed = 0;
  while (freed < blocks_wanted) {
    const std::optional<size_t> count = EvictUnread(unread_before_ns);
    if (!count) break;
    freed += *count;
  }
  return freed;
}

void ReadCache::Trim() {
  while (OverLimit() && EvictConsumed()) {
  }
}

void ReadCache::Expire(int64_t now_ns) {
  List expired;
  const int64_t keep_ns_min = keep_longer_.load(std::memory_order_relaxed) ? kSharedGraceNs : 0;
  {
    MutexLock lock(mutex_);
    for (auto it = consumed_.begin(); it != consumed_.end() && ConsumedBytes() > cache_bytes_;) {
      const auto next = std::next(it);
      const int64_t used = std::max(it->added_ns, it->chunk->used_ns.load(std::memory_order_relaxed));
      if (used + std::max(it->keep_ns, keep_ns_min) <= now_ns) Unlink(*it->chunk, expired);
      it = next;
    }
  }
  for (Chunk::CacheEntry& entry : expired) Evict(std::move(entry), /*may_spare=*/true);
}

}  // namespace ossfs2
