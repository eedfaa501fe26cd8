// IncomingWrites: the memory of writes that have not come to a file yet, for all files of a mount.
//
//   write_landing.h   a large write is received into blocks of the pool, and the file keeps those that are full
//   waiting_writes.h  a write that has to wait lies in the pool, or in the staging folder (waiting_file.h)
// Which file a write is for is not known here. Threads: any; nothing blocks.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <span>

#include "data/incoming/waiting_writes.h"
#include "data/memory/memory_pool.h"
#include "data/staging/staging_space.h"
#include "ossfs2/landing.h"

namespace ossfs2 {

class IncomingWrites {
 public:
  IncomingWrites(MemoryPool& pool, StagingSpace& space) : pool_(pool), waiting_(pool, space) {}

  // Memory to receive a write into; null: none to spare now.
  std::unique_ptr<Landing> MakeLanding();
  // FileSystem::KeepWaiting.
  void KeepWaiting(std::span<const std::byte> bytes, std::function<void(FetchLanding)> may_run);
  // Those that wait may run at once, and fail.
  void Shutdown() { waiting_.Shutdown(); }

 private:
  MemoryPool& pool_;
  WaitingWrites waiting_;
};

}  // namespace ossfs2
