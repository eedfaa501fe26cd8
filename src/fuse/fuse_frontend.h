// FuseFrontend: serves a FileSystem through /dev/fuse (libfuse3 low-level API).
//
// Worker threads (each with its own receive buffer) decode requests, answer from the Try*
// methods at once and hand everything that may wait for the network to an Executor; reads are
// answered from the read engine's completion with iovecs over pool memory.
// Kernel side: keep_cache by the core's word, AUTO_INVAL_DATA off, 1 MiB requests, no writeback
// cache, no splice, parallel directory operations, read-ahead raised through the bdi when permitted,
// MAP_SHARED on direct-io files through FUSE_DIRECT_IO_ALLOW_MMAP when the kernel has it.
// Threads: Mount, then Run (returns when unmounted or stopped), then Unmount and EndNotices; Stop from any thread
// or signal handler. The executor and whatever else answers requests must have ended before the frontend is destroyed:
// a reply touches the session after it was sent. Errors: of mounting, with the next step.
#pragma once

#include <memory>

#include "base/threads/executor.h"
#include "fuse/session/fuse_options.h"
#include "ossfs2/file_system.h"
#include "ossfs2/status.h"

namespace ossfs2 {

class FuseFrontend {
 public:
  virtual ~FuseFrontend() = default;
  virtual Status Mount() = 0;
  // Serves until unmounted (OK), stopped (OK) or the device fails.
  virtual Status Run() = 0;
  virtual void Stop() = 0;      // async-signal-safe
  virtual void Unmount() = 0;   // idempotent; lazy when busy
  // No more notices to the kernel, nor answers. A notice may wait for a page that a reader has locked: reads have ended
  // before, or this waits for them. What programs ask after Run is refused with EIO until then (WorkerPool).
  virtual void EndNotices() = 0;
};

// `writers` runs what writes, stores and closes. The kernel does not bound how many programs wait in write(2), so
// questions have threads of their own in `executor`.
std::unique_ptr<FuseFrontend> MakeFuseFrontend(FileSystem& file_system, Executor& executor, Executor& writers,
                                               const FuseOptions& options);

}  // namespace ossfs2
