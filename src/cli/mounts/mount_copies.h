// Where else the file system of a mount is mounted: in other mount name spaces (`unshare -m`, containers), which began
// with a copy of every mount, and at the place of a bind mount.
//
// An unmount takes one of them away. The kernel ends the file system, and with it the daemon, only with the last one.
// Blocking: looks at every process below /proc that this user may see.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <string>
#include <vector>

#include "cli/mounts/daemon_watch.h"

namespace ossfs2 {

// What is just ending takes its copies with it, and needs no word.
inline constexpr std::chrono::seconds kCopiesPatience{5};

struct MountCopy {
  std::string mount_point;       // as it is called there
  std::vector<pid_t> processes;  // of the other name space, by number; empty: a bind mount in ours
};

// device: as in MountInfo. Name spaces that no process of this pid name space is in are not seen.
std::vector<MountCopy> FindMountCopies(const std::string& device, const std::string& proc = "/proc");

// "/mnt/x in another mount name space, of sleep (pid 40): nsenter -t 40 -m umount /mnt/x"; empty: nothing keeps the
// daemon, or it did not answer.
std::string CopiesText(const DaemonStatus& status);

}  // namespace ossfs2
