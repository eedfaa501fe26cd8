// What becomes of the chunks of a CachedFile: who keeps them, and when they go.
#include <algorithm>
#include <optional>
#include <utility>

#include "data/read/file/cached_file.h"

namespace ossfs2 {
namespace {

constexpr int64_t kLaggardNs = 10'000'000'000;  // a reader behind counts so long after its last read

}  // namespace

// It was fetched ahead, and no reader is on the way to it. Who begins with the head is no stream yet.
bool CachedFile::NobodyComesFor(const Chunk& chunk) const {
  if (chunk.held_by_reads != 0) return false;
  if (chunk.demand) return chunk.head && !planner_.HasStreams();
  return !planner_.Wants(chunk.range);
}

// A complete chunk goes to the list of the cache that it belongs in.
void CachedFile::SettleKept(const ChunkRef& chunk, int64_t now_ns) {
  if (chunk->consumed) return;
  if (WasRead(*chunk)) {
    chunk->consumed = true;
    TakeUnread(*chunk, chunk->unread_bytes);
    core_->cache.AddConsumed(weak_from_this(), chunk, now_ns, ReadCache::kGraceNs);
    // The last one stays, for reads that come out of order.
    const ChunkRef* before = chunks_.Find(std::exchange(last_consumed_, chunk->range.begin));
    const bool alone = planner_.streams().all().size() == 1 && core_->ReadFromCache() && !core_->signs.CompanyLately();
    if (before != nullptr && *before != chunk && (alone || PageCacheKeeps()) && WasDelivered(**before))
      core_->cache.Hurry(**before);
    if (chunk->spent || WasReadByAll(*chunk)) core_->cache.Hurry(*chunk);
  } else if (NobodyComesFor(*chunk)) {
    GiveUp(chunk, now_ns);
  } else {
    core_->cache.AddUnread(weak_from_this(), chunk, now_ns);
  }
}

// Readers past the page cache that started together go through the file together: what all of them have read is used no
// more, and memory that is used over and over costs less. Not while others start later.
bool CachedFile::WasReadByAll(const Chunk& chunk) const {
  if (core_->options.page_cache || !pages_.AnyDirect()) return false;
  if (core_->options.cache_bytes != 0 || core_->signs.LateStartsLately()) return false;
  if (delivered_.TotalBytes() <= kLongReadBytes) return false;  // some may not have begun yet
  const std::optional<size_t> readers = planner_.streams().Readers();
  return readers && *readers > 1 && chunk.bytes_read >= *readers * chunk.range.size();
}

// Out of the map and the cache. Its memory goes when the GET and the readers are done with it.
void CachedFile::Take(const ChunkRef& chunk, Garbage& garbage) {
  if (!chunk->mapped) return;
  if (!chunk->demand || chunk->head) {
    const uint64_t came = chunk->filled.load();
    core_->metrics.prefetch_wasted_bytes.Add(came - std::min(came, chunk->bytes_read + chunk->page_bytes));
  }
  TakeUnread(*chunk, chunk->unread_bytes);
  core_->cache.Remove(*chunk);
  garbage.chunks.push_back(chunks_.Erase(*chunk));
  const bool awaited = std::any_of(chunk->waiters.begin(), chunk->waiters.end(), [](const Chunk::Waiter& waiter) {
    return waiter.epoch == waiter.read->epoch;
  });
  if (chunk->fetching && !awaited && !chunk->demand) Cancel(chunk, garbage);
}

void CachedFile::Cancel(const ChunkRef& chunk, Garbage& garbage) {
  if (chunk->canceled.exchange(true)) return;
  core_->metrics.prefetch_canceled.Add();
  if (chunk->call) garbage.cancel.push_back(chunk->call);
}

void CachedFile::TakeEverything(Garbage& garbage) {
  pages_.OnDropped();
  planner_.EndLead();
  std::vector<ChunkRef> all;
  all.reserve(chunks_.Count());
  for (const auto& [begin, chunk] : chunks_.all()) all.push_back(chunk);
  for (const ChunkRef& chunk : all) Take(chunk, garbage);
}

bool CachedFile::Evict(const ChunkRef& chunk, bool may_spare) {
  Garbage garbage;
  MutexLock lock(mutex_);
  if (!chunk->mapped || chunk->fetching) return true;
  const int64_t now_ns = ReadCore::NowNs();
  // Who finds these bytes in the page cache does not come for them.
  const bool needed_no_more = (PageCacheKeeps() && WasDelivered(*chunk)) || WasReadByAll(*chunk);
  if (may_spare && !needed_no_more && planner_.streams().AnyBehind(chunk->range.begin, now_ns - kLaggardNs)) {
    core_->cache.AddConsumed(weak_from_this(), chunk, now_ns, ReadCache::kReopenNs, true);
    return false;
  }
  core_->metrics.cache_evicted_bytes.Add(chunk->range.size());
  FillRest(chunk);
  if (!chunk->consumed && chunk->page_bytes == 0) planner_.OnEvictedUnread(chunk->range);
  if (chunk->bytes_read == 0 && chunk->page_bytes == 0 && !chunk->demand) planner_.OnWasted(chunk->range.size());
  if (WasRead(*chunk)) delivered_.Add(chunk->range);  // what was left out of it is not to be fetched again
  Take(chunk, garbage);
  return true;
}

// After streams went: cancels prefetch that no stream is coming to; what has come may be
// read by the next open, so it stays as cache for a while.
void CachedFile::GiveUpUnneeded(int64_t now_ns, Garbage& garbage) {
  if (planner_.lead().on() || (planner_.InPieces() && planner_.HasStreams())) return;  // others read all of it
  for (const auto& [begin, chunk] : chunks_.all()) {
    if (chunk->consumed || planner_.streams().AnyWants(chunk->range)) continue;
    if (!chunk->fetching) {
      if (chunk->held_by_reads == 0 && (!chunk->demand || NobodyComesFor(*chunk))) GiveUp(chunk, now_ns);
    } else if (!chunk->demand && chunk->waiters.empty() && chunk->filled.load() < chunk->size) {
      Cancel(chunk, garbage);  // what has come by then stays
    }
  }
}

void CachedFile::GiveUp(const ChunkRef& chunk, int64_t now_ns) {
  chunk->consumed = true;
  TakeUnread(*chunk, chunk->unread_bytes);
  core_->cache.AddConsumed(weak_from_this(), chunk, now_ns, ReadCache::kReopenNs);
}

}  // namespace ossfs2
