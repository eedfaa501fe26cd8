// ExtentBudget: how many extents the maps of all staged files may have together.
//
// Why: a program that writes every second page of a large file makes an extent of each, 64 bytes of memory beside the
// pool, and nothing but this bounds them. A file that may have no more joins some of its own
// (WriteStaged::JoinExtents), which costs requests and not the program's data.
// Bounds: one file has at most half of extents_max, so that it never leaves the others nothing; when all are used,
// those with more than kFileExtentsMin join some of theirs. So there are at most extents_max, and kFileExtentsMin for
// each file that comes after that. Thread-safe; an ExtentShare belongs to the file's turn holder.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "base/report/metrics.h"

namespace ossfs2 {

class ExtentBudget {
 public:
  static constexpr size_t kFileExtentsMin = 1024;  // 64 KiB

  explicit ExtentBudget(size_t extents_max) : extents_max_(extents_max) {}

  // Whether a file with so many extents may make no more.
  bool IsFullFor(size_t extents) const {
    return extents >= kFileExtentsMin && (extents >= extents_max_ / 2 || used() >= extents_max_);
  }
  size_t used() const { return used_.load(std::memory_order_relaxed); }

 private:
  friend class ExtentShare;
  void Change(size_t before, size_t now) {
    used_.fetch_add(now - before, std::memory_order_relaxed);
    gauge_.Add(static_cast<int64_t>(now) - static_cast<int64_t>(before));
  }

  const size_t extents_max_;
  std::atomic<size_t> used_{0};
  Gauge& gauge_ = Registry::Default().gauge("staged_extents", "Ranges that are told apart in staged files");
};

// What one file has of the budget.
class ExtentShare {
 public:
  explicit ExtentShare(ExtentBudget& budget) : budget_(budget) {}
  ~ExtentShare() { Set(0); }
  ExtentShare(const ExtentShare&) = delete;
  ExtentShare& operator=(const ExtentShare&) = delete;

  void Set(size_t extents) {
    if (extents != extents_) budget_.Change(extents_, extents);
    extents_ = extents;
  }
  bool full() const { return budget_.IsFullFor(extents_); }

 private:
  ExtentBudget& budget_;
  size_t extents_ = 0;
};

}  // namespace ossfs2
