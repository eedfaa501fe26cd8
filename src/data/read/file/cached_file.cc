#include "data/read/file/cached_file.h"

#include <algorithm>
#include <cerrno>
#include <utility>

#include "base/values/str.h"

namespace ossfs2 {
namespace {

// A read is started anew when a prefetch it joined failed or went; more often than this is an error.
constexpr int kAttemptsMax = 4;

std::shared_ptr<const void> Pin(std::vector<ChunkRef> chunks) {
  if (chunks.size() == 1) return std::move(chunks.front());
  return std::make_shared<const std::vector<ChunkRef>>(std::move(chunks));
}

ByteRange Common(ByteRange a, ByteRange b) { return {std::max(a.begin, b.begin), std::min(a.end, b.end)}; }

}  // namespace

CachedFile::CachedFile(std::shared_ptr<ReadCore> core, uint64_t file_id, const ObjectVersion& version)
    : core_(std::move(core)),
      file_id_(file_id),
      served_(version),
      planner_(*core_, file_id),
      pages_(core_->options.page_cache) {}

const ObjectVersion& CachedFile::version() const {
  MutexLock lock(mutex_);
  return served_.current();
}

std::optional<Error> CachedFile::Refusal() const {
  if (served_.stale()) return served_.stale();
  if (core_->stopping.load(std::memory_order_relaxed))
    return MakeError(EIO, ErrorKind::kCanceled, "the mount is shutting down");
  return std::nullopt;
}

void CachedFile::Read(uint64_t handle, uint64_t offset, size_t size, ReadInto into, ReadDone done) {
  const int64_t now_ns = ReadCore::NowNs();
  ReadReply reply;
  ByteRange range;
  PrefetchPlanner::AfterRead after;
  std::optional<Error> error;
  bool answered = false;
  {
    MutexLock lock(mutex_);
    error = Refusal();
    range.begin = std::min<uint64_t>(offset, FileBytes());
    range.end = range.begin + std::min<uint64_t>(size, FileBytes() - range.begin);
    if (!error && into == ReadInto::kPageCache && range.size() < size && WaitsForEnd(range, done)) return;
    if (!error && !range.empty()) {
      if (into == ReadInto::kProgram) pages_.NoteDirect(handle, range.size());
      if (into == ReadInto::kPageCache && !core_->options.page_cache) core_->signs.NoteMapped(now_ns);
      answered = TryHit(range, now_ns, reply);
      after = planner_.OnRead(View(), {handle, range, into, !answered, now_ns});
      if (answered) delivered_.Add(range);
    }
  }
  if (error) {
    core_->metrics.errors.Add();
    done(std::move(*error));
    return;
  }
  if (answered || range.empty()) {
    core_->metrics.hits.Add();
    core_->metrics.bytes.Add(range.size());
    done(std::move(reply));
  } else {
    auto read = std::make_shared<PendingRead>();
    read->handle = handle;
    read->range = range;
    read->done = std::move(done);
    read->started_ns = now_ns;
    StartRead(read, Memory::kNone);
  }
  DoAfter(after);
}

bool CachedFile::TryHit(ByteRange range, int64_t now_ns, ReadReply& reply) {
  const ChunkRef* first = chunks_.Find(range.begin);
  if (first == nullptr) return false;
  const auto has = [](const Chunk& chunk, uint64_t end) {
    return chunk.filled.load(std::memory_order_acquire) >= std::min(end, chunk.range.end) - chunk.range.begin;
  };
  if ((*first)->range.end >= range.end) {
    if (!has(**first, range.end)) return false;
    const ChunkRef chunk = *first;
    chunk->AppendParts(range, reply.parts);
    MarkRead(chunk, range, now_ns);
    reply.pin = chunk;
  } else {
    std::vector<ChunkRef> chunks;
    chunks_.Overlapping(range, chunks);
    uint64_t position = range.begin;
    for (const ChunkRef& chunk : chunks) {
      if (chunk->range.begin > position || !has(*chunk, range.end)) return false;
      position = chunk->range.end;
    }
    if (position < range.end) return false;
    for (const ChunkRef& chunk : chunks) {
      const ByteRange part = Common(chunk->range, range);
      chunk->AppendParts(part, reply.parts);
      MarkRead(chunk, part, now_ns);
    }
    reply.pin = Pin(std::move(chunks));
  }
  reply.bytes = static_cast<size_t>(range.size());
  return true;
}

void CachedFile::MarkRead(const ChunkRef& chunk, ByteRange range, int64_t now_ns) {
  chunk->used_ns.store(now_ns, std::memory_order_relaxed);
  read_bytes_ += range.size();
  if (chunk->consumed) {
    chunk->bytes_read += range.size();
    core_->metrics.cache_hit_bytes.Add(range.size());
    // Not when it was only given up before: then this is its first reader.
    const auto before = delivered_.Find(range.begin);
    if (before && before->end >= range.end) core_->signs.NoteShared(range.size(), now_ns);
    if (range.end == chunk->range.end && WasReadByAll(*chunk)) core_->cache.Hurry(*chunk);
    return;
  }
  TakeUnread(*chunk, range.size());
  chunk->bytes_read += range.size();
  chunk->read_to = std::max(chunk->read_to, range.end);
  SettleIfRead(chunk, now_ns);
}

// Read, or put into the page cache for the readers, to its end.
bool CachedFile::WasRead(const Chunk& chunk) const {
  // The kernel reads whole pages. Who reads past it leaves out what lies between the pieces that he wants.
  const bool whole_pages = core_->options.page_cache && !pages_.AnyDirect();
  const uint64_t skipped = whole_pages ? 0 : std::min(kSkippedBytesMax, chunk.range.size() / 8);
  return chunk.bytes_read + chunk.page_bytes + skipped >= chunk.range.size() &&
         std::max(chunk.read_to, chunk.pages_to) + skipped >= chunk.range.end;
}

void CachedFile::SettleIfRead(const ChunkRef& chunk, int64_t now_ns) {
  if (!WasRead(*chunk)) return;
  CountPagesAsRead(*chunk);
  chunk->read_to = chunk->range.end;
  if (!chunk->fetching && chunk->mapped) SettleKept(chunk, now_ns);
}

void CachedFile::CountPagesAsRead(Chunk& chunk) {
  TakeUnread(chunk, chunk.page_bytes);
  chunk.bytes_read += chunk.page_bytes;
  chunk.page_bytes = 0;
}

// Bytes may be read twice, or read from here and put into the page cache: a chunk gives back no more than it counts.
void CachedFile::TakeUnread(Chunk& chunk, uint64_t bytes) {
  const uint64_t taken = std::min(chunk.unread_bytes, bytes);
  chunk.unread_bytes -= taken;
  unread_bytes_ -= taken;
}

void CachedFile::StartRead(const PendingRef& read, Memory memory, std::vector<BlockRef> blocks) {
  const bool granted = memory == Memory::kGranted;
  Garbage before;  // of an earlier attempt; freed without the lock
  std::vector<Start> starts;
  std::optional<Error> error;
  bool ready = false;
  bool with_head = !granted;
  for (;;) {
    size_t missing = 0;
    {
      MutexLock lock(mutex_);
      for (ChunkRef& chunk : LetGo(*read)) before.chunks.push_back(std::move(chunk));
      error = Refusal();
      std::vector<ByteRange> gaps = chunks_.Gaps(read->range);
      with_head = with_head && AddHead(gaps);
      if (!error && !gaps.empty() && replacement_.refused()) return Park(read, before);
      if (!error && !gaps.empty()) error = served_.deleted();
      if (!error && ++read->attempts > kAttemptsMax + (granted ? 1 : 0))
        error = MakeError(EIO, ErrorKind::kUnavailable,
                          StrCat("read of ", served_.current().key, ": fetches in flight failed repeatedly"));
      if (error) break;
      size_t wanted = 0;
      for (const ByteRange& gap : gaps) wanted += BlocksFor(gap.size());
      if (wanted <= blocks.size()) {
        ready = Attach(read, gaps, blocks, starts);
        break;
      }
      if (granted) {
        ready = AttachPrivate(read, blocks, starts);
        break;
      }
      missing = wanted - blocks.size();
      --read->attempts;  // waiting for memory is no failure
    }
    if (!core_->AllocateDemand(missing, blocks)) {
      if (std::exchange(with_head, false)) continue;
      blocks.clear();
      core_->pool.AllocateAsync(MemoryTag::kRead, BlocksFor(read->range.size()),
                                [self = shared_from_this(), read](std::vector<BlockRef> got) {
                                  self->StartRead(read, Memory::kGranted, std::move(got));
                                });
      core_->RelievePressure();
      return;
    }
  }
  (starts.empty() ? core_->metrics.waits : core_->metrics.misses).Add();
  LaunchDemand(std::move(starts));
  if (error) Fail(read, *error);
  if (ready) Finish(read);
}

bool CachedFile::Attach(const PendingRef& read, const std::vector<ByteRange>& gaps, std::vector<BlockRef>& blocks,
                        std::vector<Start>& starts) {
  for (const ByteRange& gap : gaps) {
    const auto first = blocks.end() - static_cast<ptrdiff_t>(BlocksFor(gap.size()));
    std::vector<BlockRef> own(std::make_move_iterator(first), std::make_move_iterator(blocks.end()));
    blocks.erase(first, blocks.end());
    starts.push_back(MakeChunk(gap, std::move(own), ChunkFor::kReaders));
    if (gap.end <= read->range.end) continue;
    starts.back().chunk->head = true;
    head_asked_ = gap.end;
    core_->metrics.prefetch_bytes.Add(gap.end - read->range.end);
  }
  chunks_.Overlapping(read->range, read->chunks);
  return WaitFor(read);
}

bool CachedFile::AttachPrivate(const PendingRef& read, std::vector<BlockRef>& blocks, std::vector<Start>& starts) {
  starts.push_back(MakeChunk(read->range, std::move(blocks), ChunkFor::kOneRead));
  blocks.clear();
  read->chunks = {starts.back().chunk};
  return WaitFor(read);
}

bool CachedFile::WaitFor(const PendingRef& read) {
  ++read->epoch;
  read->missing = 0;
  for (const ChunkRef& chunk : read->chunks) {
    ++chunk->held_by_reads;
    if (!chunk->fetching) continue;
    const uint64_t needs = std::min(read->range.end, chunk->range.end) - chunk->range.begin;
    // The network thread stores `filled` and then looks at `wake_at`; here it is the other way
    // round, so one of the two sees the other (sequentially consistent).
    if (needs < chunk->wake_at.load()) chunk->wake_at.store(needs);
    if (chunk->filled.load() >= needs) continue;
    chunk->waiters.push_back({read, needs, read->epoch});
    ++read->missing;
  }
  return read->missing == 0;
}

// What WaitFor took.
std::vector<ChunkRef> CachedFile::LetGo(PendingRead& read) {
  for (const ChunkRef& chunk : read.chunks) --chunk->held_by_reads;
  return std::exchange(read.chunks, {});
}

void CachedFile::Finish(const PendingRef& read) {
  const int64_t now_ns = ReadCore::NowNs();
  ReadReply reply;
  std::vector<ChunkRef> chunks;
  {
    Garbage garbage;
    MutexLock lock(mutex_);
    chunks = LetGo(*read);
    for (const ChunkRef& chunk : chunks) {
      const ByteRange part = Common(chunk->range, read->range);
      chunk->AppendParts(part, reply.parts);
      MarkRead(chunk, part, now_ns);
    }
    delivered_.Add(read->range);
    if (!planner_.HasStreams()) GiveUpUnneeded(now_ns, garbage);  // its file was closed while it waited
  }
  reply.bytes = static_cast<size_t>(read->range.size());
  reply.pin = Pin(std::move(chunks));
  core_->metrics.bytes.Add(reply.bytes);
  core_->metrics.wait_time.Observe(std::chrono::nanoseconds(now_ns - read->started_ns));
  const ReadDone done = std::move(read->done);
  done(std::move(reply));
  core_->RelievePressure();
}

void CachedFile::Fail(const PendingRef& read, const Error& error) {
  std::vector<ChunkRef> chunks;
  {
    Garbage garbage;
    MutexLock lock(mutex_);
    chunks = LetGo(*read);  // a waiter elsewhere may drop the read under the lock
    if (!planner_.HasStreams()) GiveUpUnneeded(ReadCore::NowNs(), garbage);
  }
  core_->metrics.errors.Add();
  const ReadDone done = std::move(read->done);
  done(error);
}

}  // namespace ossfs2
