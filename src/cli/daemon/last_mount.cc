#include "cli/daemon/last_mount.h"

#include <algorithm>
#include <cerrno>

#include "base/values/str.h"
#include "cli/mounts/daemon_watch.h"
#include "fuse/session/mount_table.h"

namespace ossfs2 {
namespace {

using Clock = std::chrono::steady_clock;

Status AwaitLastMount(const MountRecord& last, StartReport& report, std::chrono::milliseconds patience) {
  constexpr std::chrono::seconds kGrace{30};  // as `ossfs2 umount` has it
  report.Notice(StrCat("the last mount here (pid ", last.pid, ") is still saving what was written; waiting for it"));
  const auto begin = Clock::now();
  const auto until = begin + std::chrono::seconds(AskStatus(last).flush_deadline_s) + kGrace;
  DaemonWatch daemon(last);
  // It may also be one that is just starting, and is mounted now.
  while (!daemon.EndsWithin(std::min<std::chrono::milliseconds>(patience, std::chrono::seconds(1))) &&
         !FindMount(last.mount_point) && Clock::now() < until) {
    report.Progress("waiting for the last mount here");
    if (Clock::now() < begin + patience) continue;
    const DaemonStatus status = AskStatus(last);
    const std::string copies = status.unpublished_bytes == 0 ? CopiesText(status) : "";
    if (!copies.empty())
      return MakeError(EBUSY, ErrorKind::kInvalid,
                       StrCat("the daemon of the last mount here (pid ", last.pid,
                              ") has stored everything and stays, since its file system is mounted elsewhere too: ",
                              copies, "; or end the daemon (kill ", last.pid, "), then mount again"));
  }
  return {};
}

}  // namespace

Result<MountLock> TakeMountLock(const std::string& mount_point, StartReport& report,
                                std::chrono::milliseconds patience) {
  for (bool again = false;; again = true) {
    auto lock = MountLock::Acquire(mount_point);
    if (lock || again || FindMount(mount_point)) return lock;
    const auto last = FindMountRecord(mount_point);
    // Without a record it has just ended, or has only begun.
    if (!last || last->mount_point != mount_point) continue;
    OSSFS2_RETURN_IF_ERROR(AwaitLastMount(*last, report, patience));
  }
}

}  // namespace ossfs2
