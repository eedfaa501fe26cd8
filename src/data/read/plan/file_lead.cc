#include "data/read/plan/file_lead.h"

#include <algorithm>

#include "data/read/pages/page_filler.h"

namespace ossfs2 {

void FileLead::Begin(const RangeSet& delivered, uint64_t unread_bytes, int64_t now_ns) {
  on_ = true;
  complete_ = store_failed_ = refilled_ = false;
  position_ = 0;
  begun_ns_ = now_ns;
  read_ = delivered;
  held_bytes_ = 0;
  OnFetch(unread_bytes);
}

void FileLead::End() {
  Return(held_bytes_);
  on_ = complete_ = false;
  read_.Clear();
}

void FileLead::OnFetch(uint64_t bytes) {
  shards_.Take(bytes);
  held_bytes_ += bytes;
}

void FileLead::OnFailed(uint64_t bytes) { Return(std::min(held_bytes_, bytes)); }

void FileLead::Return(uint64_t bytes) {
  held_bytes_ -= bytes;
  if (bytes != 0) shards_.Return(bytes);
}

void FileLead::OnRead(ByteRange range, const RangeSet& delivered) {
  if (!on_) return;
  uint64_t begin = range.begin;
  if (begin != 0) {
    const uint64_t back = begin - std::min(begin, PageFiller::kLeadTripwireEvery);
    if (const auto stored = delivered.Find(begin - 1)) begin = std::max(stored->begin, back);
  }
  const uint64_t before = read_.TotalBytes();
  read_.Add({begin, range.end});
  const uint64_t now = read_.TotalBytes();
  Return(std::min(held_bytes_, now - std::min(now, before)));
}

bool FileLead::TakeRefill() {
  if (!on_ || refilled_ || !store_failed_) return false;
  refilled_ = true;
  return true;
}

bool FileLead::AskNext(int64_t now_ns) {
  if (next_asked_ || !shards_.HasCredit(now_ns)) return false;
  next_asked_ = true;
  return true;
}

}  // namespace ossfs2
