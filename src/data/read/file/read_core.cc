#include "data/read/file/read_core.h"

#include <algorithm>
#include <iterator>

namespace ossfs2 {
namespace {
constexpr size_t kPressureBlocks = 32;  // reclaimed at a time for those who wait
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

void ReadCore::PumpLead() {
  if (const std::shared_ptr<PrefetchSource> file = lead.TakeWaiter(NowNs())) file->Pump();
}

ReadCache::Keep ReadCore::KeptForOthers() const {
  if (signs.FollowersLately()) return ReadCache::Keep::kShared;
  // Through the page cache long reads keep nothing (PageCacheKeeps), and programs go back and forth in the rest.
  const bool recent = options.page_cache || signs.MappedLately() || signs.CompanyLately() || signs.SharedLately();
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
