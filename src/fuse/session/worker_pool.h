// WorkerPool: threads that read requests from /dev/fuse and process them.
//
// They leave when the session has ended (unmounted, or an error of the device that stays), or with StopServing, which
// lets no request go that was taken. From then until End one thread refuses what comes, with EIO: a request that nobody
// takes keeps its pages locked, and a notice to the kernel that needs such a page would wait for ever, in a thread that
// no signal ends.
// Processing never blocks on the network (operations.h). Threads: Start, StopServing and End from one thread.
#pragma once

#include <fuse_lowlevel.h>

#include <atomic>
#include <functional>
#include <thread>
#include <vector>

#include "fuse/session/landing_zone.h"

namespace ossfs2 {

class WorkerPool {
 public:
  // `ended` runs once, on a worker, when the first of them leaves although nobody called StopServing.
  WorkerPool(fuse_session* session, int threads, LandingZone::Maker make_landing, std::function<void()> ended);
  ~WorkerPool() { End(); }

  void Start();
  void StopServing();
  void End();  // idempotent
  // The negative errno that ended the session, or 0.
  int failure() const { return failure_; }

 private:
  void Launch(const char* name, void (WorkerPool::*main)());
  bool Goes() const { return !leaving_ && !fuse_session_exited(session_); }
  // Interrupts threads that wait in read(2), until all have left.
  void WakeAndJoin();
  // The size of the request that came; 0: look whether to go on; negative: the errno that ends it.
  int Receive(fuse_buf& buffer) const;
  void Serve();
  void Refuse();

  fuse_session* const session_;
  const int thread_count_;
  const LandingZone::Maker make_landing_;
  const std::function<void()> ended_;
  std::vector<std::thread> threads_;
  std::atomic<bool> leaving_{false};
  std::atomic<int> running_{0};
  std::atomic<int> failure_{0};
  std::atomic<bool> end_told_{false};
};

}  // namespace ossfs2
