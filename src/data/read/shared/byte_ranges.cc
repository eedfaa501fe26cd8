#include "data/read/shared/byte_ranges.h"

#include <algorithm>
#include <iterator>

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

}  // namespace ossfs2
