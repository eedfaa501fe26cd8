// The control groups that limit this process: where their files lie (cgroups(7)).
//
// Both versions are known, also mixed. Every group from the process's own up to the root counts: the limit that
// holds is the smallest. In a container the path in /proc/self/cgroup may be the host's, of which /sys/fs/cgroup
// shows just the end; then only the topmost folder exists, and it is the container's group.
// Threads: any; nothing is kept.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace ossfs2 {

struct GroupFolder {
  std::string path;      // no '/' at its end; it need not exist
  bool unified = false;  // version 2
};

// For `controller` ("cpu", "memory"), the process's own groups first. Empty without control groups.
// `root` stands before /proc and /sys in tests.
std::vector<GroupFolder> GroupFolders(std::string_view controller, const std::string& root = "");

}  // namespace ossfs2
