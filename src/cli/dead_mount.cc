#include "cli/dead_mount.h"

#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>

#include "base/log.h"
#include "base/str.h"
#include "fuse/mount_table.h"

namespace ossfs2 {
namespace {

constexpr int kStackedMountsMax = 32;

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

}  // namespace

bool IsDeadMount(const std::string& mount_point) {
  struct stat info {};
  if (stat(mount_point.c_str(), &info) == 0 || errno != ENOTCONN) return false;
  const auto mount = FindMount(mount_point);
  return mount && mount->type == "fuse.ossfs2";
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

Status UnmountNow(const std::string& mount_point, bool lazy) {
  if (umount2(mount_point.c_str(), UMOUNT_NOFOLLOW | (lazy ? MNT_DETACH : 0)) == 0) return {};
  if (errno != EPERM) return ErrnoError(errno, StrCat("umount ", mount_point));
  return UnmountWithHelper(mount_point, lazy);
}

}  // namespace ossfs2
