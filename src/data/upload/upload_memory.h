// UploadMemory: blocks for writers, who wait in order.
//
// A writer that waits holds nothing that could be sent or spilled (it gave that up first), and
// asks the other files, through the relief function, to give up theirs: part buffers with enough
// in them are sent early, smaller ones spilled. So waiting never turns into a standstill while the staging
// folder has room, however many writers share however small a pool. Relief is asked again every 100 ms while a
// writer waits, because a file may have been in use when it was asked.
// Errors: kCanceled after Stop, for those who wait and all who come. ENOSPC when nothing could be spilled and nothing
// moved for `standstill_max`: no block of an upload came free, none was granted, and nothing was being sent. Waiters
// are refused one after another, the first one first, a sixteenth of the bound apart, because a program that is refused
// usually closes its file. Thread-safe. Acquire blocks; never call it from a network thread.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <vector>

#include "base/threads/mutex.h"
#include "base/time/clock.h"
#include "base/values/tunable.h"
#include "data/memory/memory_pool.h"
#include "ossfs2/status.h"

namespace ossfs2 {

// What a waiting writer sees of the others.
struct UploadProgress {
  uint64_t used_bytes = 0;  // held by uploads
  uint64_t grants = 0;      // waits that ended with memory, since the start
  bool moving = false;      // something is on its way, or reads hold what is missing: both end by themselves
};

// How long nothing has moved. Not thread-safe.
class StandstillWatch {
 public:
  StandstillWatch(SteadyTime now, const UploadProgress& seen) : since_(now), last_(seen) {}
  std::chrono::nanoseconds Look(SteadyTime now, const UploadProgress& seen);

 private:
  SteadyTime since_;
  UploadProgress last_;
};

class UploadMemory {
 public:
  UploadMemory(MemoryPool& pool, Tunable<std::chrono::milliseconds> standstill_max)
      : pool_(pool), standstill_max_(std::move(standstill_max)) {}

  // Both set once, before the first Acquire.
  // Gives up about so many blocks, soon; must not wait for memory.
  void SetRelief(std::function<void(size_t blocks)> relief) { relief_ = std::move(relief); }
  // Whether something is being sent or completed.
  void SetBusy(std::function<bool()> busy) { busy_ = std::move(busy); }

  std::vector<BlockRef> TryAcquire(size_t count) { return pool_.TryAllocate(MemoryTag::kUpload, count); }
  Result<std::vector<BlockRef>> Acquire(size_t count) EXCLUDES(mutex_);
  // The engine goes down: nobody waits any more.
  void Stop() { stopping_.store(true, std::memory_order_relaxed); }
  // Somebody waits: those who write give up their buffers as soon as they may.
  bool HasWaiters() const { return waiters_.load(std::memory_order_relaxed) > 0; }
  // Why the last buffer could not be spilled, for the text of the error.
  void NoteSpillFailure(const Status& status) EXCLUDES(mutex_);

 private:
  UploadProgress Progress(size_t count) const;
  bool MayRefuse(SteadyTime now) EXCLUDES(mutex_);
  Error Refusal() EXCLUDES(mutex_);
  bool stopping() const { return stopping_.load(std::memory_order_relaxed); }

  MemoryPool& pool_;
  const Tunable<std::chrono::milliseconds> standstill_max_;
  std::function<void(size_t)> relief_;
  std::function<bool()> busy_;
  std::atomic<int> waiters_{0};
  std::atomic<uint64_t> grants_{0};
  std::atomic<bool> stopping_{false};
  Mutex mutex_;
  SteadyTime next_refusal_ GUARDED_BY(mutex_){};
  std::string spill_failure_ GUARDED_BY(mutex_);
};

}  // namespace ossfs2
