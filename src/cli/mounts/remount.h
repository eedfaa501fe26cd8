// `mount -o remount`: changes of a running mount in the words of mount(8).
//
// ro and rw are given to the kernel; a config file is read again by the daemon (SIGHUP); options that may change
// while mounted are changed; those that say what is so already are passed over. Anything else fails with "needs a new
// mount". mount(8) also passes what the kernel's table shows (user_id=0): names that ossfs2 does not know are skipped,
// with a notice when one looks like a typo.
// Blocking; runs in the process that mount(8) starts, not in the daemon.
#pragma once

#include <string>
#include <vector>

#include "cli/options/mount_helper.h"
#include "ossfs2/status.h"

namespace ossfs2 {

bool WantsRemount(const MountHelperLine& line);
Status Remount(const MountHelperLine& line);
// Names in `options` that look like misspelled ones of ours, a line each.
std::vector<std::string> RemountTypos(const std::string& options);

}  // namespace ossfs2
