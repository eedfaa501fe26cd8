// The GETs of a CachedFile: how they start, what their end means, when chunks go.
#include <algorithm>
#include <cerrno>
#include <utility>

#include "base/crc64.h"
#include "base/log.h"
#include "base/str.h"
#include "data/read/cached_file.h"

namespace ossfs2 {
namespace {

constexpr int64_t kLaggardNs = 10'000'000'000;  // a reader behind counts so long after its last read

class ChunkSink final : public DataSink {
 public:
  ChunkSink(std::shared_ptr<CachedFile> file, ChunkRef chunk) : file_(std::move(file)), chunk_(std::move(chunk)) {}

  std::span<std::byte> NextBuffer() override {
    if (chunk_->canceled.load(std::memory_order_relaxed)) return {};
    const uint64_t position = chunk_->filled.load(std::memory_order_relaxed);
    const uint64_t inside = position % MemoryPool::kBlockBytes;
    const uint64_t count = std::min(MemoryPool::kBlockBytes - inside, chunk_->size - position);
    if (count == 0) return {};
    return {chunk_->blocks[position / MemoryPool::kBlockBytes]->data() + inside, static_cast<size_t>(count)};
  }

  void OnBytes(size_t size) override {
    const uint64_t filled = chunk_->filled.load(std::memory_order_relaxed) + size;
    chunk_->filled.store(filled);
    file_->OnReceived(size);
    if (filled >= chunk_->wake_at.load()) file_->OnFilled(chunk_);
  }

 private:
  const std::shared_ptr<CachedFile> file_;
  const ChunkRef chunk_;
};

}  // namespace

CachedFile::Garbage::~Garbage() {
  for (const auto& call : cancel) call->Cancel();
}

CachedFile::Start CachedFile::MakeChunk(ByteRange range, std::vector<BlockRef> blocks, bool demand, bool shared) {
  auto chunk = std::make_shared<Chunk>(range, std::move(blocks), demand);
  chunk->generation = generation_;
  chunk->used_ns = ReadCore::NowNs();
  if (shared) chunks_.Insert(chunk);
  ++fetches_;
  asked_bytes_ += range.size();
  core_->metrics.gets.Add();
  core_->metrics.get_bytes.Add(range.size());
  if (!demand) {
    ++prefetches_;
    chunk->unread_bytes = range.size();
    unread_bytes_ += range.size();
    core_->metrics.prefetch_bytes.Add(range.size());
  }
  const ObjectVersion& version = versions_.back();
  return {std::move(chunk), {version.key, range.begin, range.size(), version.etag}};
}

void CachedFile::LaunchDemand(std::vector<Start> starts) {
  for (Start& start : starts) {
    core_->scheduler.StartDemand(
        [self = shared_from_this(), start = std::move(start)]() { self->Launch(start); });
  }
}

void CachedFile::Launch(Start start) {
  const ChunkRef chunk = start.chunk;
  if (core_->stopping.load()) {
    OnFetchDone(chunk, MakeError(EIO, ErrorKind::kCanceled, "the mount is shutting down"));
    return;
  }
  auto self = shared_from_this();
  chunk->started_ns = ReadCore::NowNs();
  std::shared_ptr<StoreCall> call =
      core_->store.GetAsync(std::move(start.request), std::make_shared<ChunkSink>(self, chunk),
                            [self, chunk](Status status) { self->OnFetchDone(chunk, std::move(status)); });
  bool cancel = false;
  {
    MutexLock lock(mutex_);
    if (chunk->fetching) chunk->call = call;
    cancel = chunk->canceled.load() || core_->stopping.load();
  }
  if (cancel) call->Cancel();
}

void CachedFile::OnFilled(const ChunkRef& chunk) {
  std::vector<PendingRef> ready;
  {
    MutexLock lock(mutex_);
    WakeFilled(*chunk, chunk->filled.load(), ready);
  }
  for (const PendingRef& read : ready) Finish(read);
}

void CachedFile::WakeFilled(Chunk& chunk, uint64_t filled, std::vector<PendingRef>& ready) {
  uint64_t next = UINT64_MAX;
  std::erase_if(chunk.waiters, [&](Chunk::Waiter& waiter) {
    if (waiter.epoch != waiter.read->epoch) return true;
    if (waiter.needs > filled) {
      next = std::min(next, waiter.needs);
      return false;
    }
    if (--waiter.read->missing == 0) ready.push_back(std::move(waiter.read));
    return true;
  });
  chunk.wake_at.store(next);
}

void CachedFile::OnFetchDone(const ChunkRef& chunk, Status status) {
  const int64_t now_ns = ReadCore::NowNs();
  const uint64_t filled = chunk->filled.load();
  if (status && filled != chunk->size)
    status = MakeError(EIO, ErrorKind::kCorrupt, StrCat("GET ended after ", filled, " of ", chunk->size, " bytes"));
  if (status) core_->OnGetDone(filled, chunk->started_ns, now_ns);
  if (core_->options.verify_crc64 && filled != 0) CheckCrc(*chunk, filled);
  const bool throttled = !status && status.error().kind == ErrorKind::kThrottled;
  Outcome outcome;
  std::shared_ptr<StoreCall> call;
  {
    Garbage garbage;
    MutexLock lock(mutex_);
    call.swap(chunk->call);
    chunk->fetching = false;
    --fetches_;
    if (!chunk->demand) --prefetches_;
    WakeFilled(*chunk, filled, outcome.ready);
    if (!status) SettleFailure(chunk, status.error(), outcome, garbage);
    if (chunk->mapped) SettleKept(chunk, now_ns);
  }
  for (const PendingRef& read : outcome.ready) Finish(read);
  if (status) MaybeFill(chunk);
  for (const PendingRef& read : outcome.failed) Fail(read, *outcome.error);
  for (const PendingRef& read : outcome.restart) StartRead(read, {}, false);
  core_->RelievePressure();
  core_->scheduler.Finished(throttled, now_ns);
  Pump();
}

void CachedFile::SettleFailure(const ChunkRef& chunk, const Error& error, Outcome& outcome, Garbage& garbage) {
  const bool current = chunk->generation == generation_;
  const bool gone = error.kind == ErrorKind::kVersionChanged || error.kind == ErrorKind::kNotFound;
  const bool parks = gone && current && !stale_ && replacement_.running();
  outcome.error = error;
  if (parks) replacement_.NoteRefused(error, ReadCore::NowNs());
  if (error.kind == ErrorKind::kNotFound && current && !parks && !stale_) {
    deleted_ = error;
    deleted_->errno_value = ESTALE;  // as of any file that is open; read(2) knows no ENOENT
    outcome.error = deleted_;
  }
  if (error.kind == ErrorKind::kVersionChanged && current && !parks) {
    BecomeStale(error, outcome, garbage);
  } else if (chunk->mapped) {
    // What came stays; the rest is a gap again.
    const uint64_t filled = chunk->filled.load();
    if (!chunk->demand) planner_.OnFetchFailed(chunk->range.size() - filled);
    if (filled == 0) {
      Take(chunk, garbage);
    } else {
      TakeUnread(*chunk, chunk->range.size() - filled);
      chunk->range.end = chunk->range.begin + filled;
    }
  }
  const bool replaced_here = gone && (parks || !current);
  if (!chunk->demand && error.kind != ErrorKind::kCanceled && !replaced_here)
    planner_.Pause(ReadCore::NowNs());
  // Reads that had joined a prefetch, or a GET of the old name, ask on their own; the
  // store has already retried what a demand GET could not get.
  const bool again = !stale_ && (!chunk->demand || !current);
  for (Chunk::Waiter& waiter : chunk->waiters) {
    if (waiter.epoch != waiter.read->epoch) continue;
    ++waiter.read->epoch;
    if (replaced_here && !stale_) --waiter.read->attempts;  // one more only after another replacement
    if (parks)
      Park(waiter.read, garbage);
    else
      (again ? outcome.restart : outcome.failed).push_back(std::move(waiter.read));
  }
  chunk->waiters.clear();
}

// Waits for the new version, without memory.
void CachedFile::Park(const PendingRef& read, Garbage& garbage) {
  for (ChunkRef& chunk : LetGo(*read)) garbage.chunks.push_back(std::move(chunk));
  replacement_.Park(read);
}

void CachedFile::BecomeStale(const Error& error, Outcome& outcome, Garbage& garbage) {
  stale_ = error;
  stale_->errno_value = ESTALE;
  outcome.error = stale_;
  outcome.failed = replacement_.Settle();
  for (const auto& [begin, chunk] : chunks_.all()) {
    for (Chunk::Waiter& waiter : chunk->waiters) {
      if (waiter.epoch != waiter.read->epoch) continue;
      ++waiter.read->epoch;
      outcome.failed.push_back(std::move(waiter.read));
    }
    chunk->waiters.clear();
  }
  planner_.ForgetStreams();
  TakeEverything(garbage);
}

// A complete chunk goes to the list of the cache that it belongs in.
void CachedFile::SettleKept(const ChunkRef& chunk, int64_t now_ns) {
  if (chunk->consumed) return;
  if (chunk->bytes_read >= chunk->range.size() && chunk->read_to >= chunk->range.end) {
    chunk->consumed = true;
    TakeUnread(*chunk, chunk->unread_bytes);
    core_->cache.AddConsumed(weak_from_this(), chunk, now_ns, ReadCache::kGraceNs);
    // The last one stays, for reads that come out of order.
    const ChunkRef* before = chunks_.Find(std::exchange(last_consumed_, chunk->range.begin));
    const bool alone = planner_.streams().all().size() == 1 && core_->ReadFromCache();
    if (before != nullptr && *before != chunk && (alone || PageCacheKeeps()) && WasDelivered(**before))
      core_->cache.Hurry(**before);
    if (chunk->spent) core_->cache.Hurry(*chunk);
  } else if (!chunk->demand && chunk->held_by_reads == 0 && !planner_.Wants(chunk->range)) {
    GiveUp(chunk, now_ns);
  } else {
    core_->cache.AddUnread(weak_from_this(), chunk, now_ns);
  }
}

// Out of the map and the cache. Its memory goes when the GET and the readers are done with it.
void CachedFile::Take(const ChunkRef& chunk, Garbage& garbage) {
  if (!chunk->mapped) return;
  if (!chunk->demand) {
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
  if (may_spare && planner_.streams().AnyBehind(chunk->range.begin, now_ns - kLaggardNs)) {
    core_->cache.AddConsumed(weak_from_this(), chunk, now_ns, ReadCache::kReopenNs, true);
    return false;
  }
  core_->metrics.cache_evicted_bytes.Add(chunk->range.size());
  FillRest(chunk);
  if (!chunk->consumed && chunk->page_bytes == 0) planner_.OnEvictedUnread(chunk->range);
  if (chunk->bytes_read == 0 && chunk->page_bytes == 0 && !chunk->demand) planner_.OnWasted(chunk->range.size());
  Take(chunk, garbage);
  return true;
}

// After streams went: cancels prefetch that no stream is coming to; what has come may be
// read by the next open, so it stays as cache for a while.
void CachedFile::GiveUpUnneeded(int64_t now_ns, Garbage& garbage) {
  if (planner_.lead().on() || (planner_.InPieces() && planner_.HasStreams())) return;  // others read all of it
  for (const auto& [begin, chunk] : chunks_.all()) {
    if (chunk->demand || chunk->consumed || planner_.streams().AnyWants(chunk->range)) continue;
    if (!chunk->fetching) {
      if (chunk->held_by_reads == 0) GiveUp(chunk, now_ns);
    } else if (chunk->waiters.empty() && chunk->filled.load() < chunk->size) {
      Cancel(chunk, garbage);  // what has come by then stays
    }
  }
}

void CachedFile::GiveUp(const ChunkRef& chunk, int64_t now_ns) {
  chunk->consumed = true;
  TakeUnread(*chunk, chunk->unread_bytes);
  core_->cache.AddConsumed(weak_from_this(), chunk, now_ns, ReadCache::kReopenNs);
}

void CachedFile::CheckCrc(const Chunk& chunk, uint64_t filled) {
  uint64_t crc = 0;
  for (uint64_t position = 0; position < filled; position += MemoryPool::kBlockBytes) {
    const uint64_t count = std::min<uint64_t>(MemoryPool::kBlockBytes, filled - position);
    crc = Crc64(crc, chunk.blocks[position / MemoryPool::kBlockBytes]->data(), static_cast<size_t>(count));
  }
  std::optional<uint64_t> whole;
  std::optional<uint64_t> expected;
  std::string key;
  {
    MutexLock lock(mutex_);
    whole = crc_.Add({chunk.range.begin, chunk.range.begin + filled}, crc, FileBytes());
    expected = versions_.back().crc64;
    key = versions_.back().key;
  }
  if (!whole || !expected) return;
  if (*whole == *expected) {
    core_->metrics.crc_verified.Add();
    return;
  }
  core_->metrics.crc_mismatches.Add();
  LogLimited(LogLevel::kError, StrCat("CRC64 of ", key, " is ", *whole, " as read but ", *expected,
                                      " in OSS: the data was damaged on its way; drop it and read again"));
}

}  // namespace ossfs2
