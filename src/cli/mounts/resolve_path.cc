// ResolvePath and ResolveMountPoint of mount_registry.h. realpath(3) would ask every file system on the way, and one
// whose daemon hangs never answers.
#include <unistd.h>

#include <climits>
#include <deque>
#include <optional>

#include "base/values/str.h"
#include "base/values/text.h"
#include "cli/mounts/mount_registry.h"
#include "fuse/session/mount_table.h"

namespace ossfs2 {
namespace {

constexpr int kLinksMax = 40;  // as the kernel

bool IsBelowOne(const std::string& path, const std::set<std::string>& mount_points) {
  for (size_t end = path.size(); end != 0 && end != std::string::npos; end = path.rfind('/', end - 1))
    if (mount_points.count(path.substr(0, end)) != 0) return true;
  return false;
}

std::optional<std::string> LinkAt(const std::string& path) {
  char target[PATH_MAX];
  const ssize_t size = readlink(path.c_str(), target, sizeof(target));
  if (size <= 0) return std::nullopt;
  return std::string(target, static_cast<size_t>(size));
}

}  // namespace

std::string ResolvePath(const std::string& path, const std::set<std::string>& mount_points) {
  if (path.empty()) return path;
  std::string done;  // without a slash at its end: "" is the root
  if (path[0] != '/') {
    char current[PATH_MAX];
    if (getcwd(current, sizeof(current)) == nullptr) return path;  // it was removed
    if (std::string_view(current) != "/") done = current;
  }
  const std::vector<std::string> names = Split(path, '/');
  std::deque<std::string> left(names.begin(), names.end());
  int links = 0;
  while (!left.empty()) {
    const std::string name = left.front();
    left.pop_front();
    if (name.empty() || name == ".") continue;
    if (name == "..") {
      done.resize(done.empty() ? 0 : done.rfind('/'));
      continue;
    }
    const std::string next = StrCat(done, "/", name);
    const auto target = IsBelowOne(next, mount_points) ? std::nullopt : LinkAt(next);
    if (!target || ++links > kLinksMax) {
      done = next;
      continue;
    }
    if (target->front() == '/') done.clear();
    const std::vector<std::string> more = Split(*target, '/');
    left.insert(left.begin(), more.begin(), more.end());
  }
  return done.empty() ? "/" : done;
}

std::string ResolveMountPoint(const std::string& path) {
  std::set<std::string> mount_points;
  for (const MountInfo& mount : ReadMountInfo())
    if (mount.type == "fuse.ossfs2") mount_points.insert(mount.mount_point);
  return ResolvePath(path, mount_points);
}

}  // namespace ossfs2
