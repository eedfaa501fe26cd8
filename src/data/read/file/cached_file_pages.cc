// What a CachedFile puts into the kernel's page cache ahead of its readers.
#include <algorithm>

#include "base/machine/page_size.h"
#include "data/read/file/cached_file.h"
#include "data/read/pages/page_filler.h"

namespace ossfs2 {

// A chunk has come.
void CachedFile::MaybeFill(const ChunkRef& chunk) {
  if (!core_->filler.on() || chunk->demand) return;
  {
    MutexLock lock(mutex_);
    if (chunk->filling || !planner_.WantsPageFill(chunk->range, ReadCore::NowNs()) || !NextFill(*chunk)) return;
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
    if (!planner_.lead().fetching()) return;
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
  if (served_.stale() || !MayStorePages()) return std::nullopt;
  const uint64_t page = core_->options.page_bytes;
  uint64_t begin = PageUp(std::max(chunk.range.begin, chunk.pages_to), page);
  const uint64_t wire = planner_.TripwireAfter(begin, FileBytes());
  if (begin + PageFiller::kTripwireBytes >= wire) begin = wire;
  const uint64_t left_out = planner_.TripwireAfter(begin, FileBytes()) - PageFiller::kTripwireBytes;
  const uint64_t end = std::min({begin + PageFiller::kStepBytes, left_out, PageDown(chunk.range.end, page)});
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
    if (served_.stale() || core_->changing->Has(file_id_) || !pages_.BeginStore(epoch)) return false;
  }
  std::vector<iovec> parts;
  chunk.AppendParts(step, parts);
  const bool stored = kernel.Store(file_id_, step.begin, parts);
  if (stored) core_->metrics.page_fill_bytes.Add(step.size());
  MutexLock lock(mutex_);
  const bool good = pages_.EndStore(epoch) && !core_->changing->Has(file_id_);
  planner_.OnPageStore(stored);
  if (!stored) return false;
  if (!good) {
    kernel.Drop(file_id_);  // the file changed meanwhile
    return false;
  }
  delivered_.Add(step);
  return true;
}

void CachedFile::StopFilling(StoresUnderWay stores) {
  const auto deadline = std::chrono::steady_clock::now() + kStopFillingWait;
  MutexLock lock(mutex_);
  pages_.Stop();
  planner_.EndLead();
  if (stores == StoresUnderWay::kWait) pages_.WaitUntilIdle(lock, deadline);
}

// The chunk leaves memory before anybody came to its tripwire: without this, the tripwire would be asked again.
void CachedFile::FillRest(const ChunkRef& chunk) {
  if (chunk->page_bytes == 0) return;
  const uint64_t page = core_->options.page_bytes;
  const uint64_t end = PageDown(chunk->range.end, page);
  for (uint64_t position = PageUp(chunk->range.begin, page); position < end;) {
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

}  // namespace ossfs2
