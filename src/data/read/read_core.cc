#include "data/read/read_core.h"

#include <algorithm>

#include "data/read/stream_window.h"

namespace ossfs2 {
namespace {
constexpr size_t kPressureBlocks = 32;  // reclaimed at a time for those who wait
}

uint64_t ReadCore::PrefetchBytesMax() const {
  const uint64_t limit = pool.limit_bytes();
  const uint64_t by_memory = limit - std::clamp(options.cache_bytes, limit / 4, limit / 4 * 3);
  if (options.chunks_max <= 0) return by_memory;
  return std::min(by_memory, static_cast<uint64_t>(options.chunks_max) * options.chunk_bytes);
}

uint64_t ReadCore::StreamBudget() const {
  const int sharers = std::max(active_streams.load(std::memory_order_relaxed), 1);
  return std::max<uint64_t>(PrefetchBytesMax() / static_cast<uint64_t>(sharers), MemoryPool::kBlockBytes);
}

uint64_t ReadCore::PieceBytesOf(uint64_t window) const {
  const uint64_t pieces = NearServer() ? kNearPieces : static_cast<uint64_t>(scheduler.Limit());
  return PieceBytes(window, options.chunk_bytes, StreamBudget(), pieces);
}

uint64_t ReadCore::UsefulWindow() const {
  if (ReadFromCache()) return kHotWindowBytesMax;
  if (NearServer()) return kNearWindowBytesMax;
  // More than may be in flight would only wait in memory.
  return static_cast<uint64_t>(scheduler.Limit()) * options.chunk_bytes;
}

bool ReadCore::AllocateDemand(size_t count, std::vector<BlockRef>& blocks) {
  std::vector<BlockRef> got = pool.TryAllocate(MemoryTag::kRead, count);
  if (got.empty()) {
    cache.Reclaim(count, INT64_MAX);
    got = pool.TryAllocate(MemoryTag::kRead, count);
    if (got.empty()) return false;
  }
  std::move(got.begin(), got.end(), std::back_inserter(blocks));
  return true;
}

std::vector<BlockRef> ReadCore::AllocatePrefetch(size_t count) {
  const auto room = [&] {
    return pool.UsedBytes(MemoryTag::kRead) + count * MemoryPool::kBlockBytes <= PrefetchBytesMax();
  };
  if (!room()) {
    // Idle readers own nothing: what they fetched ahead and do not read makes room.
    cache.ReclaimUnread(count, NowNs() - kUnreadIdleNs);
    if (!room()) return {};
  }
  return pool.TryAllocate(MemoryTag::kRead, count);
}

void ReadCore::OnGetDone(uint64_t bytes, int64_t started_ns, int64_t now_ns) {
  pace.OnGetDone(bytes, started_ns, now_ns);
  cpu_pressure.Sample(now_ns);
}

void ReadCore::PumpLead() {
  if (const std::shared_ptr<PrefetchSource> file = lead.TakeWaiter(NowNs())) file->Pump();
}

ReadCache::Keep ReadCore::KeptForOthers() const {
  if (FollowersLately()) return ReadCache::Keep::kShared;
  // Through the page cache long reads keep nothing (PageCacheKeeps), and programs go back and forth in the rest.
  const bool recent = options.page_cache || MappedLately() || CompanyLately() || SharedLately();
  return recent ? ReadCache::Keep::kRecent : ReadCache::Keep::kLittle;
}

void ReadCore::RelievePressure() {
  cache.SetKeep(KeptForOthers());
  if (cache.OverLimit()) cache.Trim();
  if (!pool.UnderPressure() || !pool.ReclaimHelps()) return;
  const bool readers_wait = pool.Waiters(MemoryTag::kRead) != 0;
  cache.Reclaim(kPressureBlocks, readers_wait ? INT64_MAX : 0);
}

}  // namespace ossfs2
