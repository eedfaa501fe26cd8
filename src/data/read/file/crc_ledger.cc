#include "data/read/file/crc_ledger.h"

#include <iterator>

#include "base/values/crc64.h"

namespace ossfs2 {

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
