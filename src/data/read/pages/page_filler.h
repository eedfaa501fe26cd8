// PageFiller: puts fetched bytes into the kernel's page cache before readers come to them.
//
// Why: a process that reads through FUSE allocates its pages and waits for each request; one that
// finds them in the page cache does neither. The threads here do that on other cores, for streams that one
// handle reads, and for the next files of a run (ShardLead); several readers of one stream share the work
// already (docs/performance.md).
//
// How a reader is still followed: the kTripwireBytes before each multiple of kTripwireEvery (in the next files of a
// run: kLeadTripwireEvery, and before kFirstTripwire and the end) are left out. The read for them tells how far
// the reader is, and pays for it with one short wait. Streams with a window below kWindowBytesMin are followed
// more closely than that, and not helped.
//
// Threads: its own, started with the first kernel and ended without one; a store may wait for a page that
// a read in flight holds, so nobody waits for these threads but SetKernel(nullptr) and, for a second at
// most, ReadEngine::StopFilling and HoldFilling. Where no thread can be made it stays off.
// Whole pages are stored (ReadOptions::page_bytes): the kernel takes the bytes of a part of one, and asks for all of it
// again.
// Bounds: kQueueMax chunks wait, later ones are left to the readers. Queued chunks
// keep their memory; it counts in the pool as before.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <thread>
#include <vector>

#include "base/threads/mutex.h"
#include "data/read/pages/kernel_pages.h"

namespace ossfs2 {

class PageFiller {
 public:
  static constexpr uint64_t kTripwireBytes = 128ull << 10;
  static constexpr uint64_t kTripwireEvery = 8ull << 20;
  static constexpr uint64_t kLeadTripwireEvery = 32ull << 20;
  static constexpr uint64_t kFirstTripwire = 8ull << 20;
  static constexpr uint64_t kWindowBytesMin = 32ull << 20;
  static constexpr uint64_t kStepBytes = 1ull << 20;        // of one store; looks at the readers between
  static constexpr size_t kQueueMax = 256;

  explicit PageFiller(int threads) : threads_max_(threads) {}
  ~PageFiller() { SetKernel(nullptr); }

  // Null: waits until the last store has returned, forgets what is queued.
  void SetKernel(KernelPages* kernel) EXCLUDES(mutex_);
  bool on() const { return on_.load(std::memory_order_relaxed); }
  // Runs `fill` on a thread of the filler; false: no room.
  bool Queue(std::function<void(KernelPages&)> fill) EXCLUDES(mutex_);

 private:
  void ThreadMain() EXCLUDES(mutex_);

  const int threads_max_;
  std::atomic<bool> on_{false};
  Mutex mutex_;
  CondVar wake_;
  KernelPages* kernel_ GUARDED_BY(mutex_) = nullptr;
  bool stopping_ GUARDED_BY(mutex_) = false;
  std::deque<std::function<void(KernelPages&)>> queue_ GUARDED_BY(mutex_);
  std::vector<std::thread> threads_;  // SetKernel only, which one thread calls
};

}  // namespace ossfs2
