// The next files of a run, fetched into the page cache before anybody reads them (ShardLead).
#include <algorithm>

#include "data/page_filler.h"
#include "data/read_file.h"

namespace ossfs2 {
namespace {

constexpr uint64_t kPoolBytesMin = 64ull << 20;    // what may wait in memory for a filler
constexpr uint64_t kTripwirePiece = 1ull << 20;    // a tripwire holds the memory of its chunk, so that is small

}  // namespace

void CachedFile::ExpectAll() {
  const int64_t now_ns = ReadCore::NowNs();
  {
    MutexLock lock(mutex_);
    if (Refusal() || lead_ || FileBytes() == 0 || fill_stopped_ || !direct_handles_.empty()) return;
    if (!core_->filler.on() || !core_->lead.HasCredit(now_ns) || core_->lead.WasReadWhole(file_id_)) return;
    lead_ = true;
    lead_complete_ = lead_refilled_ = store_failed_ = false;
    lead_position_ = 0;
    lead_ns_ = now_ns;
    lead_read_ = delivered_;
    lead_held_ = unread_bytes_;
    core_->lead.Take(lead_held_);
    std::erase_if(streams_.all(), [](const Stream& stream) { return stream.handles.empty(); });  // of Expect
  }
  Refill();  // what Expect has fetched already
  Pump();
}

std::optional<ByteRange> CachedFile::PickLead() {
  if (!lead_ || lead_complete_) return std::nullopt;
  const uint64_t size = FileBytes();
  const uint64_t allowed = std::min({core_->StreamBudget(), core_->PrefetchBytesMax() / 3,
                                     std::max(kPoolBytesMin, core_->pace.CarriedWindow())});
  const uint64_t piece = core_->PieceBytesOf(allowed);
  lead_position_ = SkipHeld(lead_position_, size, true);
  if (lead_position_ >= size) {
    lead_complete_ = true;
    return std::nullopt;
  }
  if (unread_bytes_ + piece > allowed) return std::nullopt;
  uint64_t stop = std::min({lead_position_ + piece, size, chunks_.NextBegin(lead_position_),
                            delivered_.NextBegin(lead_position_)});
  const uint64_t wire = TripwireAfter(lead_position_);
  const bool at_wire = lead_position_ + kTripwirePiece >= wire;
  stop = std::min(stop, at_wire ? wire : wire - kTripwirePiece);
  if (!core_->lead.MayTake(stop - lead_position_, shared_from_this(), ReadCore::NowNs())) return std::nullopt;
  return ByteRange{lead_position_, stop};
}

// A read tells that what lies in the page cache before it, back to the tripwire before, was read as well.
void CachedFile::NoteLeadRead(ByteRange range) {
  if (!lead_) return;
  uint64_t begin = range.begin;
  if (begin != 0) {
    const uint64_t back = begin - std::min(begin, PageFiller::kLeadTripwireEvery);
    if (const auto stored = delivered_.Find(begin - 1)) begin = std::max(stored->begin, back);
  }
  const uint64_t before = lead_read_.TotalBytes();
  lead_read_.Add({begin, range.end});
  const uint64_t now = lead_read_.TotalBytes();
  const uint64_t read = std::min(lead_held_, now - std::min(now, before));
  lead_held_ -= read;
  if (read != 0) core_->lead.Return(read);
}

void CachedFile::EndLead() {
  if (lead_held_ != 0) core_->lead.Return(lead_held_);
  lead_held_ = 0;
  lead_ = lead_complete_ = false;
  lead_read_.Clear();
}

bool CachedFile::AskNextAll() {
  if (next_all_asked_ || !core_->options.prefetch_next_shard || !core_->lead.HasCredit(ReadCore::NowNs())) return false;
  next_all_asked_ = true;
  return true;
}

// All of this file was fetched: the run goes on with the one after it.
void CachedFile::LeadToNext() {
  {
    MutexLock lock(mutex_);
    if (!lead_complete_ || !AskNextAll()) return;
  }
  if (!core_->next_file) return;
  if (const std::shared_ptr<CachedFile> next = core_->next_file(file_id_)) next->ExpectAll();
}

}  // namespace ossfs2
