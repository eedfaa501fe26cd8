// CrcLedger: CRCs of ranges of an object that join up until they cover all of it.
//
// A value without a lock: the owner serialises. Bounded: past kRangesMax it gives up (the object is not verified).
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>

#include "data/read/shared/byte_ranges.h"

namespace ossfs2 {

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
