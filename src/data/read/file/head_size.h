// HeadSize: how much of a file is asked for with a small read at its begin.
//
// Headers (safetensors, GGUF, archives) and small files are read in pieces. While a program goes through 336 KiB of
// them the kernel asks for 16, 64, 256 KiB and 1 MiB; each would be a GET, and the first ones would be waited for. All
// of it in one GET takes a far server hardly longer. But whoever looks at the first page of many files (`file`, `head`)
// would pay in bytes: a file that is closed with a quarter or less of it read halves what the next one gets, one that
// was read to its end and on doubles it.
//
// Threads: any; of two closes at once one may not count.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>

namespace ossfs2 {

class HeadSize {
 public:
  static constexpr uint64_t kBytesMax = 1536ull << 10;  // the sum of what the kernel asks for, in whole blocks
  static constexpr uint64_t kBytesMin = kBytesMax / 16;
  static constexpr uint64_t kLargeReadBytes = 1ull << 20;  // who begins with one reads no header in pieces

  uint64_t bytes() const { return bytes_.load(std::memory_order_relaxed); }
  // A file of `file_bytes` is closed: `asked` were asked for, and so many read from the begin on.
  void OnClosed(uint64_t asked, uint64_t read, uint64_t file_bytes) {
    const uint64_t now = bytes();
    if (read <= asked / 4)
      bytes_.store(std::max(now / 2, kBytesMin), std::memory_order_relaxed);
    else if (read >= asked && asked < file_bytes)
      bytes_.store(std::min(now * 2, kBytesMax), std::memory_order_relaxed);
  }

 private:
  std::atomic<uint64_t> bytes_{kBytesMax};
};

}  // namespace ossfs2
