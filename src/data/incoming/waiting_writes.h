// WaitingWrites: where the bytes of writes lie that have to wait for memory or for their turn.
//
// Why: how many programs wait in write(2) is bounded by nobody, and each has up to 1 MiB here. So these bytes lie
// in blocks of the pool (tag kParked), and beyond that share in one file in the staging folder (waiting_file.h). From
// there they come back in the order in which they went, when others that waited have ended. Only if the disk does not
// take them, too, they stay in memory beside the pool (docs/known-issues.md): kUncountedBytesMax, or as much as their
// share of the pool if that is more. Beyond that a write is refused, since without a bound the process would be killed,
// and everybody's data be lost.
//
// Progress: whoever has its bytes in memory needs nothing of this class to end, and the pool always gives some of its
// memory to those that wait (memory_pool.h). Thread-safe.
// Errors: EIO when the disk does not give bytes back, and after Shutdown; ENOSPC when there is no place.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>

#include "base/report/metrics.h"
#include "data/incoming/waiting_file.h"
#include "data/memory/memory_pool.h"
#include "data/staging/staging_space.h"
#include "ossfs2/landing.h"

namespace ossfs2 {

class WaitingWrites {
 public:
  // Of as many writes as there are threads for them.
  static constexpr uint64_t kUncountedBytesMax = 256ull << 20;

  WaitingWrites(MemoryPool& pool, StagingSpace& space, uint64_t uncounted_bytes_max = kUncountedBytesMax);

  // FileSystem::KeepWaiting.
  void Keep(std::span<const std::byte> bytes, std::function<void(FetchLanding)> may_run);
  // Those that wait for memory may run at once, and fail. Nothing is kept any more.
  void Shutdown() { pool_.RefuseWaiters(MemoryTag::kParked); }

 private:
  class Away;

  bool TakeUncounted(size_t bytes);
  void GiveUncounted(size_t bytes);

  MemoryPool& pool_;
  const uint64_t uncounted_bytes_max_;
  std::atomic<uint64_t> uncounted_bytes_{0};
  WaitingFile file_;
  Counter& on_disk_ = Registry::Default().counter("write_waits_on_disk_total",
                                                  "WRITE requests whose bytes waited in the staging folder");
  Gauge& in_memory_ = Registry::Default().gauge(
      "write_waits_in_memory_bytes", "Bytes of WRITE requests that wait, in memory beyond total_mem_limit");
};

}  // namespace ossfs2
