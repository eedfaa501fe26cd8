// What `ossfs2 umount` and umount(8) have in common.
#pragma once

#include <string>

namespace ossfs2 {

struct UmountRequest {
  std::string path;
  bool lazy = false;
  // For umount(8), which also gets the bind mounts and other copies of a mount: to unmount one of several is a success,
  // and that this user does not know the daemon is no news.
  bool by_umount8 = false;
};

// Unmounts, and waits until the daemon has saved everything and left. The exit status; what is wrong is on stderr.
int UnmountAndWait(const UmountRequest& request);

}  // namespace ossfs2
