// SessionIo: the read and writev hooks between libfuse and /dev/fuse.
//
// Why: libfuse 3.14 cannot ask for two things that the kernel offers and we need, so the answer to INIT
// is completed on its way out (linux/fuse.h, fuse_init_out):
//   FUSE_DIRECT_IO_ALLOW_MMAP  MAP_SHARED works on files that bypass the page cache (kernel >= 6.6)
//   FUSE_HANDLE_KILLPRIV_V2    no security.capability lookup before every write (kernel >= 5.11)
// Each only when the kernel's INIT offered it. And the answer leaves the kernel's read-ahead as it is: libfuse
// would repeat the 128 KiB that the kernel began with, and undo read_ahead_kb when that was set before the answer.
// The hooks cost nothing after INIT. Requests are read through the worker's LandingZone.
// Threads: any worker; INIT is answered before other requests come.
#pragma once

#include <fuse_lowlevel.h>

#include "ossfs2/status.h"

namespace ossfs2 {

struct KernelOffer {
  bool direct_io_mmap = false;
  bool killpriv_v2 = false;
};

// Puts the hooks into the mounted session. One session in a process at a time.
Status InstallSessionIo(fuse_session* session);

// What the kernel's INIT offered; valid once the first request after INIT came.
KernelOffer GetKernelOffer();

// Whether the kernel has taken the answer to INIT. Before that it may still set limits of the mount, the read-ahead
// among them.
bool IsInitAnswered();

}  // namespace ossfs2
