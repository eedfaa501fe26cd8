// WaitingFile: the bytes of writes that wait, in one file without a name in the staging folder.
//
// Each lies in a slot of the file, which is cut when the last one has left. Thread-safe.
// Errors: those of the disk, and ENOSPC of the staging space.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <set>
#include <span>

#include "base/threads/mutex.h"
#include "data/staging/staging_file.h"
#include "data/staging/staging_space.h"
#include "ossfs2/landing.h"

namespace ossfs2 {

class WaitingFile {
 public:
  explicit WaitingFile(StagingSpace& space) : space_(space) {}
  ~WaitingFile();

  Result<size_t> Put(std::span<const std::byte> bytes) EXCLUDES(mutex_);
  Status Read(size_t slot, size_t at, std::span<std::byte> out) EXCLUDES(mutex_);
  void Free(size_t slot) EXCLUDES(mutex_);

 private:
  static constexpr uint64_t kSlotBytes = Landing::kBytes;

  Result<size_t> TakeSlot() REQUIRES(mutex_);

  StagingSpace& space_;
  Mutex mutex_;
  std::shared_ptr<StagingFile> file_ GUARDED_BY(mutex_);
  std::set<size_t> free_ GUARDED_BY(mutex_);  // the lowest first: their pages are in the page cache
  size_t slots_ GUARDED_BY(mutex_) = 0;
};

}  // namespace ossfs2
