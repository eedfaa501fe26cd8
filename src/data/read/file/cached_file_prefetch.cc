// How a CachedFile fetches what its planner asks for, and what the file before it in a run tells it.
#include <algorithm>

#include "data/read/file/cached_file.h"

namespace ossfs2 {

// A small read at the begin of a file takes the rest of the head along. Whether it does.
bool CachedFile::AddHead(std::vector<ByteRange>& gaps) const {
  if (gaps.size() != 1 || gaps.front().begin != 0 || core_->options.concurrency <= 0) return false;
  ByteRange& gap = gaps.front();
  if (gap.size() >= HeadSize::kLargeReadBytes || delivered_.Find(0)) return false;
  const uint64_t wanted = std::min({FileBytes(), core_->head_size.bytes(), core_->options.chunk_bytes});
  const uint64_t end = std::min({wanted, chunks_.NextBegin(gap.end), delivered_.NextBegin(gap.end)});
  // Half of what may be held ahead is left to those who read on: many of these files may only be looked at.
  const uint64_t held = core_->pool.UsedBytes(MemoryTag::kRead);
  if (end <= gap.end || held + end > core_->PrefetchBytesMax() / 2) return false;
  gap.end = end;
  return true;
}

void CachedFile::Expect(uint64_t window) {
  {
    MutexLock lock(mutex_);
    if (Refusal() || !planner_.Expect(View(), window, ReadCore::NowNs())) return;
  }
  Pump();
}

void CachedFile::ExpectAll() {
  {
    MutexLock lock(mutex_);
    if (Refusal() || !MayStorePages() || !planner_.BeginLead(View(), ReadCore::NowNs())) return;
  }
  Refill();  // what Expect has fetched already
  Pump();
}

// All of this file was fetched: the run goes on with the one after it.
void CachedFile::LeadToNext() {
  {
    MutexLock lock(mutex_);
    if (!planner_.lead().complete() || !planner_.TakeNextAll(ReadCore::NowNs())) return;
  }
  if (!core_->next_file) return;
  if (const std::shared_ptr<CachedFile> next = core_->next_file(file_id_)) next->ExpectAll();
}

void CachedFile::DoAfter(const PrefetchPlanner::AfterRead& after) {
  core_->RelievePressure();
  if (after.pump) Pump();
  if (after.refill) Refill();
  if (core_->lead.HasWaiters()) core_->PumpLead();
  if ((after.next_window == 0 && !after.next_all) || !core_->next_file) return;
  const std::shared_ptr<CachedFile> next = core_->next_file(file_id_);
  if (!next) return;
  if (after.next_window != 0) next->Expect(after.next_window);
  if (after.next_all) next->ExpectAll();
}

void CachedFile::Pump() {
  {
    MutexLock lock(mutex_);
    pump_again_ = true;
    if (pumping_) return;
    pumping_ = true;
  }
  for (;;) {
    {
      MutexLock lock(mutex_);
      if (!pump_again_) {
        pumping_ = false;
        break;
      }
      pump_again_ = false;
    }
    while (PumpOne()) {
    }
  }
  LeadToNext();
}

bool CachedFile::PumpOne() {
  const std::shared_ptr<CachedFile> self = shared_from_this();
  std::optional<ByteRange> range;
  bool resumes = false;
  const int share = core_->scheduler.FileShare();
  {
    MutexLock lock(mutex_);
    // In both cases of too many in flight the end of one of them pumps again.
    if (Refusal() || prefetches_ >= share) return false;
    const int64_t now_ns = ReadCore::NowNs();
    if (!replacement_.refused() && !served_.deleted()) range = planner_.Next(View(), self, now_ns);
    resumes = !range && planner_.WaitsForPauseToEnd(now_ns);
  }
  if (resumes) core_->scheduler.WaitForTurn(self);
  if (!range) return false;
  if (!core_->scheduler.TryStartPrefetch(self)) return false;
  std::vector<BlockRef> blocks = core_->AllocatePrefetch(BlocksFor(range->size()));
  if (blocks.empty()) {
    core_->scheduler.ReturnPlace();
    core_->scheduler.WaitForTurn(self);
    return false;
  }
  std::optional<Start> start;
  {
    MutexLock lock(mutex_);
    const std::vector<ByteRange> gaps = chunks_.Gaps(*range);
    if (!Refusal() && gaps.size() == 1 && gaps.front() == *range)
      start = MakeChunk(*range, std::move(blocks), ChunkFor::kPrefetch);
    if (start) planner_.OnFetch(range->size());
  }
  if (!start) {
    core_->scheduler.ReturnPlace();  // a reader came first; look again
    return true;
  }
  Launch(std::move(*start));
  return true;
}

}  // namespace ossfs2
