#include "data/read/chunk_ranges.h"

#include <algorithm>
#include <iterator>

#include "base/crc64.h"

namespace ossfs2 {

void RangeSet::Add(ByteRange range) {
  if (range.empty()) return;
  auto it = ranges_.upper_bound(range.begin);
  if (it != ranges_.begin() && std::prev(it)->second >= range.begin) --it;
  if (it != ranges_.end() && it->first <= range.begin && it->second >= range.end) return;
  if (it != ranges_.end() && it->first <= range.begin) {
    // The common case of a stream: the range before grows, without a new node.
    auto next = std::next(it);
    if (next == ranges_.end() || next->first > range.end) {
      total_ += range.end - it->second;
      it->second = range.end;
      return;
    }
  }
  while (it != ranges_.end() && it->first <= range.end) {
    range.begin = std::min(range.begin, it->first);
    range.end = std::max(range.end, it->second);
    total_ -= it->second - it->first;
    it = ranges_.erase(it);
  }
  if (ranges_.size() >= kRangesMax) Clear();
  ranges_.emplace(range.begin, range.end);
  total_ += range.size();
}

std::optional<ByteRange> RangeSet::Find(uint64_t offset) const {
  auto it = ranges_.upper_bound(offset);
  if (it == ranges_.begin()) return std::nullopt;
  --it;
  if (it->second <= offset) return std::nullopt;
  return ByteRange{it->first, it->second};
}

uint64_t RangeSet::NextBegin(uint64_t offset) const {
  const auto it = ranges_.lower_bound(offset);
  return it == ranges_.end() ? UINT64_MAX : it->first;
}

void RangeSet::Clear() {
  ranges_.clear();
  total_ = 0;
}

std::optional<uint64_t> CrcLedger::Add(ByteRange range, uint64_t crc, uint64_t object_bytes) {
  if (closed_ || range.empty()) return std::nullopt;
  auto next = entries_.lower_bound(range.begin);
  if (next != entries_.end() && next->first < range.end) return std::nullopt;
  if (next != entries_.begin() && std::prev(next)->second.end > range.begin) return std::nullopt;
  if (entries_.size() >= kRangesMax) {
    Clear();
    closed_ = true;
    return std::nullopt;
  }
  auto it = entries_.emplace_hint(next, range.begin, Entry{range.end, crc});
  if (next != entries_.end() && next->first == it->second.end) {
    it->second.crc = Crc64Combine(it->second.crc, next->second.crc, next->second.end - next->first);
    it->second.end = next->second.end;
    entries_.erase(next);
  }
  if (it != entries_.begin() && std::prev(it)->second.end == it->first) {
    const auto before = std::prev(it);
    before->second.crc = Crc64Combine(before->second.crc, it->second.crc, it->second.end - it->first);
    before->second.end = it->second.end;
    entries_.erase(it);
    it = before;
  }
  if (it->first != 0 || it->second.end != object_bytes) return std::nullopt;
  const uint64_t whole = it->second.crc;
  Clear();
  closed_ = true;  // once an object is enough
  return whole;
}

void CrcLedger::Clear() {
  entries_.clear();
  closed_ = false;
}

}  // namespace ossfs2
