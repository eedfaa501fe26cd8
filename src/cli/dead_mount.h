// Mounts left behind by a daemon that died: "Transport endpoint is not connected".
#pragma once

#include <string>

#include "ossfs2/status.h"

namespace ossfs2 {

// Whether a fuse.ossfs2 mount is there whose daemon is gone.
bool IsDeadMount(const std::string& mount_point);
// Detaches dead ossfs2 mounts at that path; OK when there are none. Mounts of others are never touched.
Status ClearDeadMount(const std::string& mount_point);
// umount(2), or fusermount3 for users. EBUSY comes back as it is.
Status UnmountNow(const std::string& mount_point, bool lazy);

}  // namespace ossfs2
