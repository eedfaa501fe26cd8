// MountService: the life of one mount inside its process, from lock to last flush.
//
// Serve takes the mount point's lock, removes a dead mount there, builds the stack, mounts, opens the admin
// socket and the metrics endpoint, reports, serves until umount, SIGTERM or SIGINT, saves what is unsaved and
// leaves nothing behind. SIGHUP makes a log file that was moved again and reads the options again (log level,
// credentials, flush deadline). Call it in a process without other threads: it blocks signals before it starts any.
#pragma once

#include <functional>

#include "cli/daemon/start_report.h"
#include "cli/options/option_set.h"
#include "cli/settings/settings.h"

namespace ossfs2 {

struct Configuration {
  OptionSet options;
  Settings settings;
  bool can_read_again = true;  // false: the config file was a pipe
};
// Reads the command line and the config file again; without side effects.
using ReadConfiguration = std::function<Result<Configuration>()>;

// The exit status: 0 also after a clean SIGTERM; 1 when something was lost or failed; for a failed bucket
// check the low byte of the negative errno.
int ServeMount(Configuration configuration, const ReadConfiguration& read_again, StartReport& report);

// The same in a forked daemon; the parent returns when the mount is there or has failed.
int ServeMountInBackground(Configuration configuration, const ReadConfiguration& read_again);

}  // namespace ossfs2
