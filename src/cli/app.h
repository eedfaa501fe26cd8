// The ossfs2 program: which command, which exit status.
#pragma once

#include <string>
#include <vector>

namespace ossfs2 {

// argv[0] "mount.ossfs2" means the form that mount(8) uses, "umount.fuse.ossfs2" that of umount(8). Secrets in argv are
// overwritten.
int RunOssfs2(int argc, char** argv);

// Exit status of a wrong command line before any option is looked at (as the existing client).
inline constexpr int kUsageStatus = 255;

// The commands; arguments without program and command name. Each returns the exit status.
using Arguments = std::vector<std::string>;
int MountCommand(const Arguments& arguments);
int MountHelperCommand(const Arguments& arguments);  // mount.ossfs2 SOURCE DIR [-sfnv] [-o ...]
int UmountCommand(const Arguments& arguments);
int UmountHelperCommand(const Arguments& arguments);  // umount.fuse.ossfs2 DIR [-flnrv] ...
int ListCommand(const Arguments& arguments);
int StatsCommand(const Arguments& arguments);
int ExplainCommand(const Arguments& arguments);
int SetCommand(const Arguments& arguments);
int WarmupCommand(const Arguments& arguments);
int CheckCommand(const Arguments& arguments);
int GcCommand(const Arguments& arguments);
int DocsCommand(const Arguments& arguments);

// "ossfs2: text" on stderr; returns `status`.
int FailWith(int status, const std::string& text);

}  // namespace ossfs2
