#include "base/machine/control_group.h"

#include <fstream>

#include "base/values/str.h"

namespace ossfs2 {
namespace {

constexpr int kDepthMax = 64;

void AddWithParents(const std::string& base, std::string path, bool unified, std::vector<GroupFolder>& found) {
  for (int depth = 0; depth < kDepthMax; ++depth) {
    if (path == "/") path.clear();
    found.push_back({base + path, unified});
    if (path.empty()) return;
    path.resize(path.find_last_of('/'));
  }
}

}  // namespace

std::vector<GroupFolder> GroupFolders(std::string_view controller, const std::string& root) {
  std::vector<GroupFolder> found;
  const std::string base = root + "/sys/fs/cgroup";
  std::ifstream groups(root + "/proc/self/cgroup");
  std::string line;
  while (std::getline(groups, line)) {  // "0::/path" or "4:cpu,memory:/path"
    const size_t first = line.find(':');
    const size_t second = line.find(':', first + 1);
    if (first == std::string::npos || second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    const std::string path = line.substr(second + 1);
    if (path.empty() || path[0] != '/') continue;
    if (controllers.empty()) {
      AddWithParents(base, path, true, found);
    } else if (StrCat(",", controllers, ",").find(StrCat(",", controller, ",")) != std::string::npos) {
      AddWithParents(StrCat(base, "/", controller), path, false, found);
    }
  }
  return found;
}

}  // namespace ossfs2
