// Mounts left behind by a daemon that died ("Transport endpoint is not connected"), and those whose daemon hangs.
//
// Blocking: for commands and for a mount that starts, never on a thread that serves. Errors: of umount2(2), with the
// next step.
#pragma once

#include <sys/types.h>

#include <string>

#include "ossfs2/status.h"

namespace ossfs2 {

enum class MountHealth {
  kServed,   // somebody answers for it; also when there is no mount at all
  kDead,     // its daemon is gone
  kHanging,  // no answer within kHealthLimitMs
};
inline constexpr int kHealthLimitMs = 2000;

// Of a fuse.ossfs2 mount, or of whatever else is at that path: only a stat tells. A process of its own asks, as
// whoever waits for a daemon that hangs cannot be ended before the daemon; that process may outlive this call.
MountHealth HealthOf(const std::string& mount_point);
// Whether a fuse.ossfs2 mount is there whose daemon is gone.
bool IsDeadMount(const std::string& mount_point);
// Detaches dead ossfs2 mounts at that path; OK when there are none. Mounts of others are never touched.
Status ClearDeadMount(const std::string& mount_point);
// A daemon that was killed stays, and with it what programs have asked of it, while one of its threads tells the kernel
// to drop a name or a page that one of these requests holds. Ends them all; true when that was so. Root only.
bool EndRequestsOfKilled(const std::string& mount_point, pid_t daemon);
// umount(2), or fusermount3 for users. EBUSY comes back as it is.
Status UnmountNow(const std::string& mount_point, bool lazy);

}  // namespace ossfs2
