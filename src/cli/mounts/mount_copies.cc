#include "cli/mounts/mount_copies.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <optional>
#include <sstream>
#include <system_error>

#include "base/values/str.h"
#include "base/values/text.h"
#include "cli/options/option_table.h"
#include "fuse/session/mount_table.h"

namespace ossfs2 {
namespace {

constexpr size_t kProcessesShownMax = 5;

std::vector<MountInfo> MountsOf(const std::string& process, const std::string& device) {
  std::ostringstream text;
  text << std::ifstream(process + "/mountinfo").rdbuf();
  std::vector<MountInfo> mounts = ParseMountInfo(text.str());
  std::erase_if(mounts, [&](const MountInfo& mount) { return mount.device != device; });
  return mounts;
}

std::vector<pid_t> Processes(const std::string& proc) {
  std::vector<pid_t> processes;
  std::error_code error;
  for (std::filesystem::directory_iterator item(proc, error), end; !error && item != end; item.increment(error)) {
    const std::string name = item->path().filename().string();
    const auto number = ParseInt(name);
    if (number && *number > 0) processes.push_back(static_cast<pid_t>(*number));
  }
  std::sort(processes.begin(), processes.end());
  return processes;
}

std::string ProcessText(pid_t pid) {
  std::string name;
  std::getline(std::ifstream(StrCat("/proc/", pid, "/comm")), name);
  return StrCat(name.empty() ? "a process" : Printable(name), " (pid ", pid, ")");
}

std::string CopyText(const MountCopy& copy) {
  const std::string place = Printable(copy.mount_point);
  if (copy.processes.empty()) return StrCat(place, ", a second mount of it: umount ", place);
  std::string who;
  for (size_t i = 0; i < copy.processes.size() && i < kProcessesShownMax; ++i)
    who += StrCat(i == 0 ? "" : ", ", ProcessText(copy.processes[i]));
  if (copy.processes.size() > kProcessesShownMax)
    who += StrCat(" and ", copy.processes.size() - kProcessesShownMax, " more");
  return StrCat(place, " in another mount name space, of ", who, ": end them, or nsenter -t ", copy.processes.front(),
                " -m umount ", place);
}

}  // namespace

std::vector<MountCopy> FindMountCopies(const std::string& device, const std::string& proc) {
  std::vector<MountCopy> copies;
  std::map<std::string, std::optional<size_t>> known;  // id -> index in copies; none: of our own name space
  for (const MountInfo& mount : MountsOf(proc + "/self", device)) {
    copies.push_back({mount.mount_point, {}});
    known[mount.id] = std::nullopt;
  }
  for (const pid_t pid : Processes(proc)) {
    for (const MountInfo& mount : MountsOf(StrCat(proc, "/", pid), device)) {
      const auto [at, is_new] = known.try_emplace(mount.id, copies.size());
      if (is_new) copies.push_back({mount.mount_point, {}});
      if (at->second) copies[*at->second].processes.push_back(pid);
    }
  }
  return copies;
}

std::string CopiesText(const DaemonStatus& status) {
  std::string text;
  if (!status.answered || status.device.empty()) return text;
  for (const MountCopy& copy : FindMountCopies(status.device)) text += StrCat(text.empty() ? "" : "; ", CopyText(copy));
  return text;
}

}  // namespace ossfs2
