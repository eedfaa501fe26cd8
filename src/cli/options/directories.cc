#include "cli/options/directories.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <system_error>
#include <utility>

#include "base/values/str.h"

namespace ossfs2 {

Status MakeDirectories(const std::string& path, mode_t mode) {
  for (size_t slash = path.find('/', 1);; slash = path.find('/', slash + 1)) {
    const std::string parent = path.substr(0, slash);
    if (mkdir(parent.c_str(), mode) != 0 && errno != EEXIST) {
      const int error = errno;  // an existing parent on a read-only file system says EROFS
      struct stat info {};
      if (stat(parent.c_str(), &info) != 0) return ErrnoError(error, StrCat("directory ", parent));
    }
    if (slash == std::string::npos) break;
  }
  struct stat info {};
  if (stat(path.c_str(), &info) != 0) return ErrnoError(errno, StrCat("directory ", path));
  if (!S_ISDIR(info.st_mode)) return ErrnoError(ENOTDIR, path);
  if (access(path.c_str(), W_OK | X_OK) != 0) return ErrnoError(errno, StrCat("directory ", path));
  return {};
}

std::string FromStartDirectory(const std::string& path) {
  static const std::string start = [] {
    std::error_code ignored;
    return std::filesystem::current_path(ignored).string();
  }();
  return path.empty() || path[0] == '/' || start.empty() ? path : StrCat(start, "/", path);
}

namespace {

// The existing client keeps sockets in /run/ossfs2 too, and may have made it for everybody. What others have put there
// must not be taken for ours: a link would lead our files elsewhere.
Status TakeFromOthers(const std::string& path, mode_t mode) {
  if (chmod(path.c_str(), mode & 07777 & ~static_cast<mode_t>(022)) != 0)
    return ErrnoError(errno, StrCat("chmod go-w ", path));
  std::error_code error;
  for (std::filesystem::directory_iterator item(path, error), end; !error && item != end; item.increment(error)) {
    struct stat info {};
    if (lstat(item->path().c_str(), &info) != 0 || info.st_uid == geteuid()) continue;
    if (unlink(item->path().c_str()) != 0)
      return ErrnoError(errno, StrCat("remove ", item->path().string(), ", which another user has put there"));
  }
  return error ? Status(ErrnoError(error.value(), path)) : Status();
}

}  // namespace

Result<std::string> RuntimeDirectory() {
  const char* given = getenv("OSSFS2_RUNTIME_DIR");
  const char* runtime = getenv("XDG_RUNTIME_DIR");
  std::string path;
  if (given != nullptr && *given != '\0') {
    path = given;
  } else if (geteuid() == 0) {
    path = "/run/ossfs2";
  } else if (runtime != nullptr && *runtime != '\0') {
    path = StrCat(runtime, "/ossfs2");
  } else {
    path = StrCat("/tmp/ossfs2-", geteuid());
  }
  if (Status made = MakeDirectories(path, 0700); !made) {
    Error error = std::move(made.error());
    error.text += "; sockets and locks of mounts lie there: make it writable, or set OSSFS2_RUNTIME_DIR";
    return error;
  }
  struct stat info {};
  if (lstat(path.c_str(), &info) != 0) return ErrnoError(errno, path);
  if (!S_ISDIR(info.st_mode) || info.st_uid != geteuid())
    return MakeError(
        EACCES, ErrorKind::kAccessDenied,
        StrCat(path, " is not a directory of this user alone; remove it, or set OSSFS2_RUNTIME_DIR"));
  if ((info.st_mode & 022) != 0) OSSFS2_RETURN_IF_ERROR(TakeFromOthers(path, info.st_mode));
  return path;
}

}  // namespace ossfs2
