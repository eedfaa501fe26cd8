#include "cli/daemon/core_dumps.h"

#include <sys/prctl.h>

#include <cerrno>
#include <cstring>

#include "base/report/log.h"
#include "base/values/str.h"

namespace ossfs2 {
namespace {

// 0 for a program that its user may not read: such a one never becomes dumpable here.
int dumpable_at_start = 0;  // written before threads exist

}  // namespace

void ForbidCoreDumps() {
  dumpable_at_start = prctl(PR_GET_DUMPABLE);
  prctl(PR_SET_DUMPABLE, 0);
}

void AllowCoreDumps() {
  // 2 (root alone may read the core) is given by the kernel and cannot be asked for.
  if (dumpable_at_start != 1 || prctl(PR_SET_DUMPABLE, 1) != 0) {
    Log(LogLevel::kWarning, StrCat("core_dumps: the system does not allow them for this program",
                                   dumpable_at_start == 1 ? StrCat(" (", strerror(errno), ")") : ""));
    return;
  }
  Log(LogLevel::kWarning,
      "core_dumps is on: a core dump holds access keys and file data, and programs of this user can read both in "
      "memory; take it out again after the diagnosis");
}

}  // namespace ossfs2
