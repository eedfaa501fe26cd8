#include "cli/mounts/dead_mount.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <fstream>

#include "base/report/log.h"
#include "base/values/str.h"
#include "fuse/session/mount_table.h"

namespace ossfs2 {
namespace {

constexpr int kStackedMountsMax = 32;
// A process that can be killed is gone at once, on a busy machine somewhat later.
constexpr int kKilledLimitMs = 1000;

Status UnmountWithHelper(const std::string& mount_point, bool lazy) {
  int output[2];
  if (pipe(output) != 0) return ErrnoError(errno, "pipe");
  const pid_t child = fork();
  if (child == 0) {
    dup2(output[1], 2);
    close(output[0]);
    close(output[1]);
    const char* arguments[] = {"fusermount3",
                               "-u",
                               lazy ? "-z" : "--",
                               lazy ? "--" : mount_point.c_str(),
                               lazy ? mount_point.c_str() : nullptr,
                               nullptr};
    execvp(arguments[0], const_cast<char* const*>(arguments));
    _exit(127);
  }
  close(output[1]);
  std::string text;
  char chunk[512];
  for (ssize_t n; (n = read(output[0], chunk, sizeof(chunk))) > 0 && text.size() < 4096;)
    text.append(chunk, static_cast<size_t>(n));
  close(output[0]);
  int status = 0;
  if (child < 0 || waitpid(child, &status, 0) != child) return ErrnoError(errno, "fusermount3");
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return {};
  if (WIFEXITED(status) && WEXITSTATUS(status) == 127)
    return MakeError(ENOENT, ErrorKind::kOther, "fusermount3 is not installed (package fuse3)");
  while (!text.empty() && text.back() == '\n') text.pop_back();
  const bool busy = text.find("busy") != std::string::npos;
  return MakeError(busy ? EBUSY : EPERM, ErrorKind::kOther, text);
}

bool PollFor(pollfd& waited, int limit_ms) {
  const auto over = std::chrono::steady_clock::now() + std::chrono::milliseconds(limit_ms);
  while (true) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(over - std::chrono::steady_clock::now());
    const int ready = poll(&waited, 1, static_cast<int>(std::max<int64_t>(left.count(), 0)));
    if (ready >= 0 || errno != EINTR) return ready > 0;
  }
}

// In the child. It keeps no other descriptor: a pipe of the caller's output would stay open as long as the child hangs.
[[noreturn]] void AnswerStat(const char* path, int answer) {
  dup2(answer, 0);
  closefrom(1);
  // What the kernel remembers of the root would be an answer in the name of a daemon that gives none.
  struct statx info {};
  const int error = statx(AT_FDCWD, path, AT_STATX_FORCE_SYNC, STATX_TYPE, &info) == 0 ? 0 : errno;
  _exit(write(0, &error, sizeof(error)) == static_cast<ssize_t>(sizeof(error)) ? 0 : 1);
}

}  // namespace

MountHealth HealthOf(const std::string& mount_point) {
  int answer[2];
  if (pipe2(answer, O_CLOEXEC) != 0) return MountHealth::kHanging;
  const pid_t child = fork();
  if (child == 0) AnswerStat(mount_point.c_str(), answer[1]);
  close(answer[1]);
  int error = 0;
  pollfd waited{answer[0], POLLIN, 0};
  const bool answered = child > 0 && PollFor(waited, kHealthLimitMs) &&
                        read(answer[0], &error, sizeof(error)) == static_cast<ssize_t>(sizeof(error));
  // Its end of the pipe is closed when it is gone: until then it would keep the mount busy. It may also be held in the
  // kernel beyond the reach of any signal.
  const bool ended = answered || child < 0 || (kill(child, SIGKILL) == 0 && PollFor(waited, kKilledLimitMs));
  close(answer[0]);
  if (child > 0) waitpid(child, nullptr, ended ? 0 : WNOHANG);
  if (!answered) return MountHealth::kHanging;
  return error == ENOTCONN ? MountHealth::kDead : MountHealth::kServed;
}

bool IsDeadMount(const std::string& mount_point) {
  const auto mount = FindMount(mount_point);
  return mount && mount->type == "fuse.ossfs2" && HealthOf(mount_point) == MountHealth::kDead;
}

Status ClearDeadMount(const std::string& mount_point) {
  for (int i = 0; i < kStackedMountsMax && IsDeadMount(mount_point); ++i) {
    Log(LogLevel::kWarning, StrCat("removing the mount that a dead daemon left on ", mount_point));
    if (Status done = UnmountNow(mount_point, true); !done)
      return MakeError(done.error().errno_value, ErrorKind::kOther,
                       StrCat(mount_point, " is a mount whose daemon has died, and it cannot be removed (",
                              done.error().text, "); run as root: umount -l ", mount_point));
  }
  return {};
}

bool EndRequestsOfKilled(const std::string& mount_point, pid_t daemon) {
  std::ifstream status(StrCat("/proc/", daemon, "/status"));
  std::string line;
  while (std::getline(status, line) && !line.starts_with("State:")) {
  }
  if (line.find("Z (zombie)") == std::string::npos) return false;
  // EBUSY: it is still in use, but nothing waits any more.
  return umount2(mount_point.c_str(), MNT_FORCE | UMOUNT_NOFOLLOW) == 0 || errno == EBUSY;
}

Status UnmountNow(const std::string& mount_point, bool lazy) {
  if (umount2(mount_point.c_str(), UMOUNT_NOFOLLOW | (lazy ? MNT_DETACH : 0)) == 0) return {};
  if (errno != EPERM) return ErrnoError(errno, StrCat("umount ", mount_point));
  return UnmountWithHelper(mount_point, lazy);
}

}  // namespace ossfs2
