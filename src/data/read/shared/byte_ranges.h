// ByteRange: a part of a file. RangeSet: such parts, merged, in order.
//
// The read engine keeps what was delivered to readers in a RangeSet, so that one stream's prefetch does not ask again
// for what another stream has already read and dropped.
// Values without locks: the owner serialises. Bounded: past kRangesMax a RangeSet starts anew (it is only a hint).
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>

namespace ossfs2 {

struct ByteRange {
  uint64_t begin = 0;
  uint64_t end = 0;
  uint64_t size() const { return end - begin; }
  bool empty() const { return begin >= end; }
  friend bool operator==(const ByteRange&, const ByteRange&) = default;
};

class RangeSet {
 public:
  static constexpr size_t kRangesMax = 4096;
  void Add(ByteRange range);
  // The range that holds `offset`, if any.
  std::optional<ByteRange> Find(uint64_t offset) const;
  // Begin of the first range at or after `offset`; UINT64_MAX when there is none.
  uint64_t NextBegin(uint64_t offset) const;
  uint64_t TotalBytes() const { return total_; }
  size_t Count() const { return ranges_.size(); }
  void Clear();

 private:
  std::map<uint64_t, uint64_t> ranges_;  // begin -> end
  uint64_t total_ = 0;
};

}  // namespace ossfs2
