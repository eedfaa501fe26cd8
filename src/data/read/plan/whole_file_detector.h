// WholeFileDetector: recognises a file that is being read whole, in pieces, from several places.
//
// Ranks that map one safetensors or GGUF file fault 128 KiB here and there: each tensor
// is a short run, tensors come in any order, no single stream sees the whole. The signs
// that tell this from random reads: several runs, most reads go on in a run, and the
// runs are spread over the file. Then the rest of the file is worth pulling in order.
// Value without a lock: the file's.
#pragma once

#include <bit>
#include <cstdint>

#include "data/read/shared/byte_ranges.h"

namespace ossfs2 {

class WholeFileDetector {
 public:
  static constexpr uint64_t kFileBytesMin = 16ull << 20;
  static constexpr uint64_t kReadBytesMin = 4ull << 20;
  static constexpr int kRunsMin = 4;
  static constexpr int kSectionsMin = 3;  // of 64

  // `continues`: the read belongs to a run that was there before it.
  void OnRead(ByteRange range, bool continues, uint64_t file_bytes) {
    ++reads_;
    continued_ += continues ? 1 : 0;
    bytes_ += range.size();
    if (!continues) return;
    sections_ |= 1ull << (range.begin / (file_bytes / 64 + 1));
  }
  void OnRunConfirmed() { ++runs_; }
  bool Detected(uint64_t file_bytes) const {
    return file_bytes >= kFileBytesMin && runs_ >= kRunsMin && std::popcount(sections_) >= kSectionsMin &&
           continued_ * 2 >= reads_ && bytes_ >= kReadBytesMin && bytes_ >= file_bytes / 128;
  }

 private:
  uint64_t reads_ = 0;
  uint64_t continued_ = 0;
  uint64_t bytes_ = 0;
  uint64_t sections_ = 0;
  int runs_ = 0;
};

}  // namespace ossfs2
