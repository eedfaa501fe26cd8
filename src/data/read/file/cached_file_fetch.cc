// The GETs of a CachedFile: how they start, and what their end means.
#include <algorithm>
#include <cerrno>
#include <utility>

#include "base/report/log.h"
#include "base/values/crc64.h"
#include "base/values/str.h"
#include "data/read/file/cached_file.h"

namespace ossfs2 {
namespace {

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

CachedFile::Start CachedFile::MakeChunk(ByteRange range, std::vector<BlockRef> blocks, ChunkFor purpose) {
  const bool demand = purpose != ChunkFor::kPrefetch;
  auto chunk = std::make_shared<Chunk>(range, std::move(blocks), demand);
  chunk->generation = served_.generation();
  chunk->used_ns = ReadCore::NowNs();
  if (purpose != ChunkFor::kOneRead) chunks_.Insert(chunk);
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
  const ObjectVersion& version = served_.current();
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
  if (outcome.gone) core_->gone.Tell(file_id_, *outcome.gone);
  for (const PendingRef& read : outcome.ready) Finish(read);
  if (status) MaybeFill(chunk);
  for (const PendingRef& read : outcome.failed) Fail(read, *outcome.error);
  for (const PendingRef& read : outcome.restart) StartRead(read, Memory::kNone);
  core_->RelievePressure();
  core_->scheduler.Finished(throttled, now_ns);
  Pump();
}

void CachedFile::SettleFailure(const ChunkRef& chunk, const Error& error, Outcome& outcome, Garbage& garbage) {
  using Verdict = ServedVersion::Verdict;
  const int64_t now_ns = ReadCore::NowNs();
  const Verdict verdict = served_.OnFailedGet(chunk->generation, error, replacement_.running());
  const bool replaced_here = verdict == Verdict::kReplacing || verdict == Verdict::kOutdated;
  outcome.error = verdict == Verdict::kDeleted ? served_.deleted() : error;
  if (verdict == Verdict::kReplaced || verdict == Verdict::kDeleted) outcome.gone = served_.current();
  if (verdict == Verdict::kReplacing) replacement_.NoteRefused(error, now_ns);
  if (verdict == Verdict::kReplaced)
    BecomeStale(error, outcome, garbage);
  else if (chunk->mapped)
    KeepWhatCame(chunk, garbage);
  if (!chunk->demand && error.kind != ErrorKind::kCanceled && !replaced_here) planner_.Pause(now_ns);
  // Reads that had joined a prefetch, or a GET of the old name, ask on their own; the
  // store has already retried what a demand GET could not get.
  const bool again = !served_.stale() && (!chunk->demand || chunk->generation != served_.generation());
  for (Chunk::Waiter& waiter : chunk->waiters) {
    if (waiter.epoch != waiter.read->epoch) continue;
    ++waiter.read->epoch;
    if (replaced_here && !served_.stale()) --waiter.read->attempts;  // one more only after another replacement
    if (verdict == Verdict::kReplacing)
      Park(waiter.read, garbage);
    else
      (again ? outcome.restart : outcome.failed).push_back(std::move(waiter.read));
  }
  chunk->waiters.clear();
}

// The rest of a chunk whose GET failed is a gap again.
void CachedFile::KeepWhatCame(const ChunkRef& chunk, Garbage& garbage) {
  const uint64_t filled = chunk->filled.load();
  const uint64_t lost = chunk->range.size() - filled;
  if (!chunk->demand) planner_.OnFetchFailed(lost);
  if (filled == 0) {
    Take(chunk, garbage);
  } else {
    TakeUnread(*chunk, lost);
    chunk->range.end = chunk->range.begin + filled;
  }
}

// Waits for the new version, without memory.
void CachedFile::Park(const PendingRef& read, Garbage& garbage) {
  for (ChunkRef& chunk : LetGo(*read)) garbage.chunks.push_back(std::move(chunk));
  replacement_.Park(read);
}

void CachedFile::BecomeStale(const Error& error, Outcome& outcome, Garbage& garbage) {
  served_.BecomeStale(error);
  outcome.error = served_.stale();
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
    expected = served_.current().crc64;
    key = served_.current().key;
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
