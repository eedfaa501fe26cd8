// Directories of ossfs2 itself: made with their parents, checked for their owner.
#pragma once

#include <sys/types.h>

#include <string>

#include "ossfs2/status.h"

namespace ossfs2 {

// mkdir -p; new directories get `mode`. The last one must be a directory that this user may write to.
Status MakeDirectories(const std::string& path, mode_t mode);
// A path given by the user, as seen from the directory in which the program was when this was first asked: the daemon's
// own directory is /, and SIGHUP reads the options there. Empty stays empty.
std::string FromStartDirectory(const std::string& path);
// A directory for sockets and locks that belongs to this user alone (made 0700): /run/ossfs2 as root, else
// $XDG_RUNTIME_DIR/ossfs2, else /tmp/ossfs2-UID. OSSFS2_RUNTIME_DIR overrides it. One that
// others may write to is taken from them, with what they put there. Errors: it belongs to another user.
Result<std::string> RuntimeDirectory();

}  // namespace ossfs2
