// Puts bytes into the kernel's page cache of a mount (FUSE_NOTIFY_STORE, linux/fuse.h).
//
// Why each page is stored twice: a page that is used a second time moves to the kernel's list of active pages. A stored
// page has been used once, so the first who reads it, or unmaps it, would move it: under a lock that all processors
// share, while a loader waits. The second store counts as that use. It comes at once, when the page still lies in the
// short batch of this processor that the kernel fills before it touches the lists (mm/swap.c: 15 or 31 pages), and
// there it only sets a flag. So pages are stored in pieces of kPieceBytes (or of one page, where that is larger), each
// written twice: 0.2 CPU s/GiB more in our threads, and loads by two ranks take 0.91 of the time
// (docs/performance-history.md).
// A kernel with generations instead of two lists (CONFIG_LRU_GEN) does not move pages when they are used.
//
// Threads: any; a store may wait for reads of its pages.
#pragma once

#include <sys/uio.h>

#include <algorithm>
#include <cstdint>
#include <vector>

#include "base/machine/page_size.h"
#include "ossfs2/file_system.h"

namespace ossfs2 {

enum class PageLists { kTwo, kGenerations };

// What the running kernel has; kTwo when `file` cannot be read (admin-guide/mm/multigen_lru.rst).
PageLists ReadPageLists(const char* file = "/sys/kernel/mm/lru_gen/enabled");

class PageStore {
 public:
  static constexpr uint64_t kPieceBytes = 32ull << 10;

  explicit PageStore(PageLists lists = ReadPageLists(), uint64_t page_bytes = KernelPageBytes())
      : twice_(lists == PageLists::kTwo), piece_bytes_(std::max(kPieceBytes, page_bytes)) {}

  // Writes to the FUSE device `fuse_fd`. `offset` and the sum of `parts` are multiples of the page size; each part may
  // have any size. False: the kernel does not know the file, or a part of it could not be stored.
  bool Store(int fuse_fd, Ino ino, uint64_t offset, const std::vector<iovec>& parts) const;

 private:
  const bool twice_;
  const uint64_t piece_bytes_;
};

}  // namespace ossfs2
