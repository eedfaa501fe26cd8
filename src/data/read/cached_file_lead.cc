// The next files of a run, fetched into the page cache before anybody reads them (ShardLead).
#include <algorithm>

#include "data/read/cached_file.h"

namespace ossfs2 {
namespace {

constexpr uint64_t kPoolBytesMin = 64ull << 20;    // what may wait in memory for a filler
constexpr uint64_t kTripwirePiece = 1ull << 20;    // a tripwire holds the memory of its chunk, so that is small

}  // namespace

void CachedFile::ExpectAll() {
  const int64_t now_ns = ReadCore::NowNs();
  {
    MutexLock lock(mutex_);
    if (Refusal() || lead_.on() || FileBytes() == 0 || !MayStorePages()) return;
    if (!core_->filler.on() || !core_->lead.HasCredit(now_ns) || core_->lead.WasReadWhole(file_id_)) return;
    lead_.Begin(delivered_, unread_bytes_, now_ns);
    std::erase_if(streams_.all(), [](const Stream& stream) { return stream.handles.empty(); });  // of Expect
  }
  Refill();  // what Expect has fetched already
  Pump();
}

std::optional<ByteRange> CachedFile::PickLead() {
  if (!lead_.fetching()) return std::nullopt;
  const uint64_t size = FileBytes();
  const uint64_t allowed = std::min({core_->StreamBudget(), core_->PrefetchBytesMax() / 3,
                                     std::max(kPoolBytesMin, core_->pace.CarriedWindow())});
  const uint64_t piece = core_->PieceBytesOf(allowed);
  const uint64_t position = SkipHeld(lead_.position(), size, true);
  lead_.MoveTo(position);
  if (position >= size) {
    lead_.Complete();
    return std::nullopt;
  }
  if (unread_bytes_ + piece > allowed) return std::nullopt;
  uint64_t stop = std::min({position + piece, size, chunks_.NextBegin(position), delivered_.NextBegin(position)});
  const uint64_t wire = TripwireAfter(position);
  const bool at_wire = position + kTripwirePiece >= wire;
  stop = std::min(stop, at_wire ? wire : wire - kTripwirePiece);
  if (!core_->lead.MayTake(stop - position, shared_from_this(), ReadCore::NowNs())) return std::nullopt;
  return ByteRange{position, stop};
}

bool CachedFile::AskNextAll() {
  return core_->options.prefetch_next_shard && lead_.AskNext(ReadCore::NowNs());
}

// All of this file was fetched: the run goes on with the one after it.
void CachedFile::LeadToNext() {
  {
    MutexLock lock(mutex_);
    if (!lead_.complete() || !AskNextAll()) return;
  }
  if (!core_->next_file) return;
  if (const std::shared_ptr<CachedFile> next = core_->next_file(file_id_)) next->ExpectAll();
}

}  // namespace ossfs2
