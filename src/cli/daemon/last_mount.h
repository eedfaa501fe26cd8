// The lock of a mount point that the last daemon there may still hold.
//
// After umount(8) that daemon saves, and holds the lock until it ends; scripts mount again at once.
#pragma once

#include <chrono>
#include <string>

#include "cli/daemon/start_report.h"
#include "cli/mounts/mount_copies.h"
#include "cli/mounts/mount_registry.h"

namespace ossfs2 {

// Waits for a daemon whose mount is gone, at most its flush deadline and 30 s, and says so. EBUSY when
// the mount point is served, or the daemon does not end; at once when it has nothing to save and its file system is
// mounted elsewhere too, after `patience`.
Result<MountLock> TakeMountLock(const std::string& mount_point, StartReport& report,
                                std::chrono::milliseconds patience = kCopiesPatience);

}  // namespace ossfs2
