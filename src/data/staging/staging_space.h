// StagingSpace: the folder of staged files and how much of its disk they may use.
//
// Bounds: bytes_max in total (0: none), and the disk keeps a reserve of free_bytes_min or
// free_percent_min, the larger one; beyond either, ENOSPC. Staged files have no names (O_TMPFILE, or
// unlinked at once), so a crash leaves nothing behind. Thread-safe.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>

#include "base/report/metrics.h"
#include "ossfs2/status.h"

namespace ossfs2 {

class StagingSpace {
 public:
  StagingSpace(std::string folder, uint64_t bytes_max, uint64_t free_bytes_min, int free_percent_min);

  // ENOSPC with the bound that was met; otherwise the bytes are counted until Release.
  Status Reserve(uint64_t bytes);
  void Release(uint64_t bytes);
  uint64_t UsedBytes() const { return used_.load(std::memory_order_relaxed); }

  // A new file without a name, opened for reading and writing.
  Result<int> OpenFile();
  const std::string& folder() const { return folder_; }

 private:
  Status CheckDisk(uint64_t bytes);
  Status MakeFolder();

  const std::string folder_;
  const uint64_t bytes_max_;
  const uint64_t free_bytes_min_;
  const int free_percent_min_;
  std::atomic<uint64_t> used_{0};
  std::atomic<int64_t> unchecked_{0};  // bytes that may be reserved before the disk is asked again
  Gauge& gauge_;
};

}  // namespace ossfs2
