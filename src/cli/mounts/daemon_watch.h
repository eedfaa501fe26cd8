// DaemonWatch: whether the daemon of a mount has ended, and what it says of itself until then.
//
// It waits for a pid file descriptor. Where there is none (kernels before 5.3, sandboxes that forbid it) it looks at
// the lock that a daemon holds as long as it lives. One thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "cli/mounts/mount_registry.h"
#include "ossfs2/status.h"

namespace ossfs2 {

class DaemonWatch {
 public:
  // Call it before the unmount, which may end the daemon.
  explicit DaemonWatch(MountRecord record);
  // pid_fd: what pidfd_open gave (owned), or -1 with its error.
  DaemonWatch(MountRecord record, int pid_fd, int error);
  ~DaemonWatch();
  DaemonWatch(const DaemonWatch&) = delete;
  DaemonWatch& operator=(const DaemonWatch&) = delete;

  const MountRecord& record() const { return record_; }
  // Waits at most so long. True when the daemon has ended.
  bool EndsWithin(std::chrono::milliseconds limit);

 private:
  const MountRecord record_;
  const int pid_fd_;
  bool ended_;
};

// What a daemon answers to "status"; with the values of the record, or none, when it does not answer in time.
struct DaemonStatus {
  bool answered = false;
  int64_t flush_deadline_s = 0;  // `ossfs2 set` may have changed it since the record was written
  uint64_t unpublished_bytes = 0;
  std::string device;  // of the mounted file system, as in MountInfo; empty: the kernel has ended it
  bool direct_io = false;
  uint64_t memory_cache_bytes = 0;
};
DaemonStatus AskStatus(const MountRecord& record, std::chrono::milliseconds limit = std::chrono::seconds(2));
// OK when it answers, or has no socket to ask it. For commands that would ask its mount next: nobody answers there
// while the daemon hangs.
Status CheckAnswers(const MountRecord& record);

}  // namespace ossfs2
