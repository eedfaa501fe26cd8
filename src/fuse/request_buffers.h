// RequestBuffers: receive buffers of the worker threads, reused for ever.
//
// A worker reads requests into the buffer that it holds. A write that must wait takes the buffer with it
// (TakeCurrent) and gives it back when it is answered; the worker gets another. Bound: one buffer a
// worker and one a parked write: as many as programs have threads that wait in write(2), which the kernel does not
// bound (docs/known-issues.md); kept idle at most kIdleMax. A write that
// waits for a dead server may end after the workers and this object have gone: its memory does not need them.
// malloc and free, because libfuse allocates the memory of an empty fuse_buf itself.
#pragma once

#include <fuse_lowlevel.h>

#include <cstddef>
#include <memory>
#include <vector>

#include "base/mutex.h"

namespace ossfs2 {

class RequestBuffers {
 public:
  static constexpr size_t kIdleMax = 32;
  using Memory = std::shared_ptr<void>;

  // Memory for libfuse to read into; null when none is idle (libfuse then allocates).
  void* Get();
  void Put(void* memory) { Put(*idle_, memory); }

  // Names the buffer that this thread's request lies in; null when it is not in one of ours.
  static void SetCurrent(RequestBuffers* owner, fuse_buf* buffer);
  // The request's memory stays valid until the result is dropped.
  static Memory TakeCurrent();

 private:
  struct Idle {
    ~Idle();
    Mutex mutex;
    std::vector<void*> memory GUARDED_BY(mutex);
  };
  static void Put(Idle& idle, void* memory) EXCLUDES(idle.mutex);

  const std::shared_ptr<Idle> idle_ = std::make_shared<Idle>();
};

}  // namespace ossfs2
