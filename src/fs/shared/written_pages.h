// WrittenPages: pages of files that were written here which the kernel does not keep.
//
// Why: the kernel keeps the pages that a program writes, but not one that two writes share, nor the last one when it
// was not filled to its end; whoever reads the file next (the hash after a download, a data set that tar made) would
// cost one small GET for each. The bytes could be put into the page cache instead, but a write that comes meanwhile has
// that page locked until it is answered, and holding writers out while such a store waits could stop both.
// Pages belong to one version (key, ETag, size) and are given to readers of exactly that version.
// Bounds: kFilesMax files and `bytes_max` of memory; what was written longest ago goes first. Thread-safe.
#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <map>
#include <string>
#include <vector>

#include "base/report/metrics.h"
#include "base/threads/mutex.h"
#include "data/object_version.h"
#include "data/write/kept_page.h"
#include "data/write/seam_pages.h"
#include "ossfs2/read_reply.h"

namespace ossfs2 {

class WrittenPages {
 public:
  static constexpr size_t kFilesMax = 4096;
  static constexpr uint64_t kBytesMax = 16ull << 20;

  WrittenPages(uint64_t bytes_max, uint64_t page_bytes)
      : bytes_max_(bytes_max), page_bytes_(static_cast<size_t>(page_bytes)) {}
  ~WrittenPages() { shown_.Add(-static_cast<int64_t>(bytes_)); }
  WrittenPages(const WrittenPages&) = delete;
  WrittenPages& operator=(const WrittenPages&) = delete;

  // All that are known of that version, by offset; none: whatever was kept for the key goes.
  void Put(const ObjectVersion& version, std::vector<KeptPage> pages) EXCLUDES(mutex_);
  // The object was renamed or made anew, with the same bytes.
  void Rebind(const ObjectVersion& before, const ObjectVersion& after) EXCLUDES(mutex_);
  // Whether one page of that version has all of the range that the file has; then `reply` is the answer.
  bool Answer(const ObjectVersion& version, uint64_t offset, size_t size, ReadReply& reply) const EXCLUDES(mutex_);

 private:
  using Order = std::list<std::string>;
  struct File {
    std::string etag;
    uint64_t size = 0;
    std::vector<KeptPage> pages;
    uint64_t bytes = 0;  // of memory
    Order::iterator place;
  };
  using Files = std::map<std::string, File>;  // by key

  std::vector<KeptPage> Take(Files::iterator found) REQUIRES(mutex_);
  std::vector<KeptPage> TakeOf(const ObjectVersion& version) EXCLUDES(mutex_);

  const uint64_t bytes_max_;
  const size_t page_bytes_;
  mutable Mutex mutex_;
  Files files_ GUARDED_BY(mutex_);
  Order order_ GUARDED_BY(mutex_);  // the oldest first
  uint64_t bytes_ GUARDED_BY(mutex_) = 0;
  Gauge& shown_ = Registry::Default().gauge("kept_page_bytes", kKeptPagesHelp, "of=\"readers\"");
};

}  // namespace ossfs2
