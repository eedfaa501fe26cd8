#include "cli/mounts/mount_namespace.h"

#include <fcntl.h>
#include <sched.h>
#include <unistd.h>

#include <cerrno>

#include "base/values/str.h"

namespace ossfs2 {

Status EnterMountNamespace(const std::string& name) {
  const bool pid = name.find_first_not_of("0123456789") == std::string::npos;
  const std::string path = pid ? StrCat("/proc/", name, "/ns/mnt") : name;
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return ErrnoError(errno, StrCat("mount namespace ", path));
  const int entered = setns(fd, CLONE_NEWNS);
  const int error = errno;
  close(fd);
  return entered == 0 ? Status() : ErrnoError(error, StrCat("mount namespace ", path));
}

}  // namespace ossfs2
