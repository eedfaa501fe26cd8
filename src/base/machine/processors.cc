#include "base/machine/processors.h"

#include <sched.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <thread>

#include "base/machine/control_group.h"

namespace ossfs2 {
namespace {

// Without a limit ("max 100000", -1) or without such files: 0.
double GroupShare(const GroupFolder& folder) {
  double quota_us = 0;
  double period_us = 0;
  if (folder.unified) {
    std::ifstream file(folder.path + "/cpu.max");
    file >> quota_us >> period_us;
  } else {
    std::ifstream(folder.path + "/cpu.cfs_quota_us") >> quota_us;
    std::ifstream(folder.path + "/cpu.cfs_period_us") >> period_us;
  }
  return quota_us > 0 && period_us > 0 ? quota_us / period_us : 0;
}

int AllowedProcessors() {
  const int online = static_cast<int>(std::thread::hardware_concurrency());
  cpu_set_t allowed;  // 1024 processors; with more the kernel refuses, and all count
  if (sched_getaffinity(0, sizeof(allowed), &allowed) != 0) return online;
  return std::min(online > 0 ? online : CPU_SETSIZE, CPU_COUNT(&allowed));
}

}  // namespace

int UsableProcessors(int allowed, const std::string& root) {
  double usable = std::max(allowed, 1);
  for (const GroupFolder& folder : GroupFolders("cpu", root))
    if (const double share = GroupShare(folder); share > 0) usable = std::min(usable, std::ceil(share));
  return std::max(static_cast<int>(usable), 1);
}

int UsableProcessors() {
  static const int usable = UsableProcessors(AllowedProcessors(), "");
  return usable;
}

}  // namespace ossfs2
