// SeamPages: the pages of a file that its writes covered only in part, as they are now.
//
// Why: the kernel keeps the pages that a program writes, but not one that two writes share (a "seam"), nor the last one
// of a file when it is not full. Whoever reads the file next would cost one GET of 4 KiB for each. So the edges of
// every write are copied here, and a page whose bytes are all known goes to readers with the version
// (Published::pages). Only bytes that were written here are known, never those of the base.
//
// Whoever changes the file without Note must call Drop or Cut: a page that is kept too long would be wrong data.
// Threads: the file's turn holder only; pages that were handed out are not changed any more.
// Bounds: kFilePagesMax whole pages and kPartialPagesMax others of a file, and the budget, which all files share. What
// does not fit is not kept.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <vector>

#include "base/report/metrics.h"
#include "data/write/kept_page.h"

namespace ossfs2 {

inline constexpr char kKeptPagesHelp[] = "Memory of pages of written files that the kernel does not keep";

// How many pages all SeamPages together may hold, and how large one is. Thread-safe.
class SeamBudget {
 public:
  SeamBudget(size_t pages_max, uint64_t page_bytes)
      : pages_max_(pages_max), page_bytes_(static_cast<size_t>(page_bytes)) {}
  bool Take();
  void Give();
  size_t used() const { return used_.load(std::memory_order_relaxed); }
  size_t page_bytes() const { return page_bytes_; }

 private:
  const size_t pages_max_;
  const size_t page_bytes_;
  std::atomic<size_t> used_{0};
  Gauge& bytes_ = Registry::Default().gauge("kept_page_bytes", kKeptPagesHelp, "of=\"writers\"");
};

class SeamPages {
 public:
  static constexpr size_t kFilePagesMax = 2048;     // seams of a 2 GiB file that is written by MiB
  static constexpr size_t kPartialPagesMax = 1024;  // as many places may be written in turn

  explicit SeamPages(SeamBudget& budget) : budget_(budget), page_bytes_(budget.page_bytes()) {}
  SeamPages(const SeamPages&) = delete;
  SeamPages& operator=(const SeamPages&) = delete;

  // The file has these bytes at `offset`. May be called with the pieces of one write, then with all of it:
  void Note(uint64_t offset, std::span<const std::byte> data);
  // The kernel keeps the pages that one write covered.
  void DropCovered(uint64_t begin, uint64_t end);
  // Something in the range is, or may be, different now.
  void Drop(uint64_t begin, uint64_t end);
  void Cut(uint64_t size);
  void Clear();
  // The pages that are known, of the file as it is, with that size. By their offset.
  std::vector<KeptPage> Known(uint64_t size);

 private:
  struct GiveBack {
    void operator()(SeamBudget* budget) const { budget->Give(); }
  };
  struct Page {
    std::shared_ptr<std::vector<std::byte>> bytes;
    size_t begin = 0;    // where they begin in the page
    bool given = false;  // somebody else may read them
    std::unique_ptr<SeamBudget, GiveBack> place{};
  };
  using Pages = std::map<uint64_t, Page>;  // by the page's number

  void NoteEdge(uint64_t number, size_t begin, std::span<const std::byte> data);
  void Add(uint64_t number, size_t begin, std::span<const std::byte> data);
  void Merge(Page& page, size_t begin, std::span<const std::byte> data) const;
  void Reserve(std::vector<std::byte>& bytes, size_t size) const;
  size_t InPage(uint64_t offset) const { return static_cast<size_t>(offset % page_bytes_); }
  static void Erase(Pages& pages, uint64_t first, uint64_t last);

  SeamBudget& budget_;
  const size_t page_bytes_;
  Pages whole_;
  Pages partial_;
};

}  // namespace ossfs2
