// RecentSign: something that readers do, and whether it was seen lately.
//
// It counts by bytes: a program that looks at a header or at the end of a file twice is no sign of one that reads it
// again. Seen is what reached `bytes_min` without a pause longer than `lasts_ns`, and stays seen for that long.
//
// Threads: any. Notes at the same moment may lose a few bytes of one another at the end of a pause.
#pragma once

#include <atomic>
#include <cstdint>

namespace ossfs2 {

class RecentSign {
 public:
  RecentSign(uint64_t bytes_min, int64_t lasts_ns)
      : bytes_min_(bytes_min), lasts_ns_(lasts_ns), noted_ns_(-lasts_ns - 1), seen_ns_(-lasts_ns - 1) {}

  void Note(uint64_t bytes, int64_t now_ns) {
    if (now_ns - noted_ns_.exchange(now_ns, std::memory_order_relaxed) > lasts_ns_)
      bytes_.store(0, std::memory_order_relaxed);
    if (bytes_.fetch_add(bytes, std::memory_order_relaxed) + bytes >= bytes_min_)
      seen_ns_.store(now_ns, std::memory_order_relaxed);
  }
  bool Lately(int64_t now_ns) const { return now_ns - seen_ns_.load(std::memory_order_relaxed) <= lasts_ns_; }

 private:
  const uint64_t bytes_min_;
  const int64_t lasts_ns_;
  std::atomic<uint64_t> bytes_{0};
  std::atomic<int64_t> noted_ns_;
  std::atomic<int64_t> seen_ns_;
};

}  // namespace ossfs2
