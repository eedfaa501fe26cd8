// What a CachedFile puts into the kernel's page cache ahead of its readers.
#include <unistd.h>

#include <algorithm>

#include "data/read/cached_file.h"
#include "data/read/page_filler.h"

namespace ossfs2 {
namespace {

constexpr uint64_t kPageBytes = 4096;
constexpr uint64_t kReaderBytes = 2ull << 20;  // so close ahead of a reader its own read-ahead is faster
constexpr int64_t kReaderNs = 1'000'000'000;   // of a reader of a file that is fetched whole

uint64_t PageUp(uint64_t offset) { return (offset + kPageBytes - 1) / kPageBytes * kPageBytes; }
uint64_t PageDown(uint64_t offset) { return offset / kPageBytes * kPageBytes; }

}  // namespace

// The end of the first tripwire that ends after `position`.
uint64_t CachedFile::TripwireAfter(uint64_t position) const {
  const auto multiple = [position](uint64_t every) { return (position / every + 1) * every; };
  if (!lead_.on()) return multiple(PageFiller::kTripwireEvery);
  if (position < PageFiller::kFirstTripwire) return std::min(PageFiller::kFirstTripwire, PageUp(FileBytes()));
  return std::min(multiple(PageFiller::kLeadTripwireEvery), PageUp(FileBytes()));
}

bool CachedFile::NearReader(ByteRange range, int64_t now_ns) const {
  return std::any_of(streams_.all().begin(), streams_.all().end(), [&](const Stream& stream) {
    return stream.used_ns + kReaderNs > now_ns && stream.high + kReaderBytes > range.begin && stream.high < range.end;
  });
}

// Is its reader far enough behind to find the chunk in the page cache?
bool CachedFile::WantsFill(const Chunk& chunk) const {
  if (lead_.on()) return !NearReader(chunk.range, ReadCore::NowNs());
  return std::any_of(streams_.all().begin(), streams_.all().end(), [&](const Stream& stream) {
    return stream.confirmed && !stream.backward && stream.handles.size() == 1 &&
           stream.window >= PageFiller::kWindowBytesMin && stream.Wants(chunk.range) &&
           stream.high + kReaderBytes <= chunk.range.begin;
  });
}

// A chunk has come.
void CachedFile::MaybeFill(const ChunkRef& chunk) {
  if (!core_->filler.on() || chunk->demand) return;
  {
    MutexLock lock(mutex_);
    if (chunk->filling || !WantsFill(*chunk) || !NextFill(*chunk)) return;
    chunk->filling = true;
  }
  const bool taken = core_->filler.Queue([self = shared_from_this(), chunk](KernelPages& kernel) {
    self->Fill(chunk, kernel);
    self->PumpMore();
  });
  if (taken) return;
  MutexLock lock(mutex_);
  chunk->filling = false;
}

// A chunk that is in the page cache makes room for the next.
void CachedFile::PumpMore() {
  {
    MutexLock lock(mutex_);
    if (!lead_.fetching()) return;
  }
  Pump();
}

// What waits in memory because the kernel did not know the file when it came.
void CachedFile::Refill() {
  std::vector<ChunkRef> chunks;
  {
    MutexLock lock(mutex_);
    for (const auto& [begin, chunk] : chunks_.all())
      if (!chunk->demand && !chunk->consumed && !chunk->fetching) chunks.push_back(chunk);
  }
  for (const ChunkRef& chunk : chunks) MaybeFill(chunk);
}

std::optional<ByteRange> CachedFile::NextFill(const Chunk& chunk) const {
  // Once a reader has come into the chunk its own read-ahead is faster.
  if (!chunk.mapped || chunk.consumed || chunk.fetching || chunk.bytes_read != 0) return std::nullopt;
  if (stale_ || !MayStorePages()) return std::nullopt;
  uint64_t begin = PageUp(std::max(chunk.range.begin, chunk.pages_to));
  const uint64_t wire = TripwireAfter(begin);
  if (begin + PageFiller::kTripwireBytes >= wire) begin = wire;
  const uint64_t end = std::min({begin + PageFiller::kStepBytes, TripwireAfter(begin) - PageFiller::kTripwireBytes,
                                 PageDown(chunk.range.end)});
  if (begin >= end) return std::nullopt;
  return ByteRange{begin, end};
}

void CachedFile::Fill(const ChunkRef& chunk, KernelPages& kernel) {
  for (;;) {
    ByteRange step;
    uint64_t epoch = 0;
    {
      MutexLock lock(mutex_);
      const std::optional<ByteRange> next = NextFill(*chunk);
      chunk->filling = next && !core_->stopping.load(std::memory_order_relaxed);
      if (!chunk->filling) return;
      step = *next;
      epoch = pages_.epoch();
    }
    const bool stored = StoreStep(*chunk, step, epoch, kernel);
    MutexLock lock(mutex_);
    chunk->filling = stored && chunk->mapped && !chunk->consumed;
    if (!chunk->filling) return;
    chunk->pages_to = step.end;
    chunk->page_bytes += step.size();
    SettleIfRead(chunk, ReadCore::NowNs());
  }
}

bool CachedFile::StoreStep(const Chunk& chunk, ByteRange step, uint64_t epoch, KernelPages& kernel) {
  {
    MutexLock lock(mutex_);
    if (stale_ || core_->changing->Has(file_id_) || !pages_.BeginStore(epoch)) return false;
  }
  std::vector<iovec> parts;
  chunk.AppendParts(step, parts);
  const bool stored = kernel.Store(file_id_, step.begin, parts);
  if (stored) core_->metrics.page_fill_bytes.Add(step.size());
  MutexLock lock(mutex_);
  const bool good = pages_.EndStore(epoch) && !core_->changing->Has(file_id_);
  lead_.OnStore(stored);
  if (!stored) return false;
  if (!good) {
    kernel.Drop(file_id_);  // the file changed meanwhile
    return false;
  }
  delivered_.Add(step);
  return true;
}

void CachedFile::StopFilling(bool wait) {
  const auto deadline = std::chrono::steady_clock::now() + ReadEngine::kStopFillingWait;
  MutexLock lock(mutex_);
  pages_.Stop();
  lead_.End();
  if (wait) pages_.WaitUntilIdle(lock, deadline);
}

// The chunk leaves memory before anybody came to its tripwire: without this, the tripwire would be asked again.
void CachedFile::FillRest(const ChunkRef& chunk) {
  if (chunk->page_bytes == 0) return;
  const uint64_t end = PageDown(chunk->range.end);
  for (uint64_t position = PageUp(chunk->range.begin); position < end;) {
    if (const auto delivered = delivered_.Find(position)) {
      position = delivered->end;
      continue;
    }
    const ByteRange rest{position, std::min(end, delivered_.NextBegin(position))};
    core_->filler.Queue([self = shared_from_this(), chunk, rest, epoch = pages_.epoch()](KernelPages& kernel) {
      self->StoreStep(*chunk, rest, epoch, kernel);
    });
    position = rest.end;
  }
}

void CachedFile::SetDirect(uint64_t handle) {
  MutexLock lock(mutex_);
  pages_.AddDirect(handle);
}

// A reader that comes to a tripwire has read what the page cache had before it.
void CachedFile::Bridge(ByteRange range) {
  for (Stream& stream : streams_.all()) {
    if (!stream.confirmed || stream.backward || stream.high >= range.begin) continue;
    if (std::max(stream.frontier, stream.high) < range.begin) continue;
    const auto delivered = delivered_.Find(stream.high);
    if (!delivered || delivered->end < range.begin) continue;
    stream.consumed += range.begin - stream.high;
    stream.low = std::max(stream.low, stream.high);
    stream.high = range.begin;
  }
}

}  // namespace ossfs2
