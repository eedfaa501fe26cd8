// KernelPages: the kernel's page cache of a mount, as the read engine sees it.
//
// Above the engine somebody who knows the kernel makes one (fs and fuse). Threads: any.
#pragma once

#include <sys/uio.h>

#include <chrono>
#include <cstdint>
#include <vector>

namespace ossfs2 {

class KernelPages {
 public:
  virtual ~KernelPages() = default;
  // Puts bytes that the object has at `offset` into the file's page cache; both are multiples of the page
  // size. May wait for reads of these pages; false: the kernel does not know the file.
  virtual bool Store(uint64_t file_id, uint64_t offset, const std::vector<iovec>& parts) = 0;
  // Undoes a Store that came after the file had changed. Must not wait.
  virtual void Drop(uint64_t file_id) = 0;
};

// What becomes of stores that run when a file is not to be stored any more: waited for, at most so long, or not.
enum class StoresUnderWay : uint8_t { kLeave, kWait };
inline constexpr std::chrono::milliseconds kStopFillingWait{1000};

}  // namespace ossfs2
