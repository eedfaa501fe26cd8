// WorkerPool: threads that read requests from /dev/fuse and process them.
//
// They leave when the session has ended (unmounted, or an error of the device), or when WakeAndJoin is called after
// fuse_session_exit. Processing never blocks on the network (operations.h).
// Threads: Start and WakeAndJoin from one thread.
#pragma once

#include <fuse_lowlevel.h>

#include <atomic>
#include <functional>
#include <thread>
#include <vector>

#include "fuse/landing_zone.h"
#include "fuse/request_buffers.h"

namespace ossfs2 {

class WorkerPool {
 public:
  // `ended` runs once, on a worker, when the first of them leaves.
  WorkerPool(fuse_session* session, int threads, LandingZone::Maker make_landing, std::function<void()> ended);
  ~WorkerPool() { Join(); }

  void Start();
  // Interrupts workers that wait in read(2), until all have left.
  void WakeAndJoin();
  // The negative errno that ended the session, or 0.
  int failure() const { return failure_; }

 private:
  void Join();
  void ThreadMain();

  fuse_session* const session_;
  const int thread_count_;
  const LandingZone::Maker make_landing_;
  const std::function<void()> ended_;
  RequestBuffers buffers_;
  std::vector<std::thread> threads_;
  std::atomic<int> running_{0};
  std::atomic<int> failure_{0};
  std::atomic<bool> end_told_{false};
};

}  // namespace ossfs2
