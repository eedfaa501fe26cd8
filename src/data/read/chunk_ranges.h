// RangeSet: byte ranges of a file, merged, in order. CrcLedger: CRCs of ranges that
// join up until they cover the whole object.
//
// The read engine keeps what was delivered to readers in a RangeSet, so that one stream's
// prefetch does not ask again for what another stream has already read and dropped.
// Values without locks: the owner serialises. Both are bounded: past kRangesMax a RangeSet
// starts anew (it is only a hint) and a CrcLedger gives up (the object is not verified).
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

class CrcLedger {
 public:
  static constexpr size_t kRangesMax = 65536;
  // Bytes known already are ignored. Returns the CRC of [0, size) once, when it is complete.
  std::optional<uint64_t> Add(ByteRange range, uint64_t crc, uint64_t object_bytes);
  void Clear();

 private:
  struct Entry {
    uint64_t end;
    uint64_t crc;
  };
  std::map<uint64_t, Entry> entries_;
  bool closed_ = false;
};

}  // namespace ossfs2
