// `umount.fuse.ossfs2`: umount(8), and with it systemd, call it for mounts of fstab (those that are in /run/mount/utab,
// as _netdev does it; of others libmount only knows that they are FUSE). Without it umount returns while the daemon
// still saves what killed programs wrote, and a machine that goes down may take the network away from it.
#include <sys/mount.h>

#include <cerrno>
#include <string>

#include "base/values/str.h"
#include "cli/app.h"
#include "cli/commands/command_umount.h"
#include "cli/mounts/mount_namespace.h"

namespace ossfs2 {
namespace {

constexpr int kUsageOfUmount = 1;
constexpr int kUmountFailedStatus = 32;  // as umount(8)

struct HelperLine {
  UmountRequest request{.by_umount8 = true};
  bool force = false;
  std::string mount_namespace;
  bool bad = false;
};

// DIR [-flnrv] [-N NAMESPACE] [-t TYPE]
HelperLine Parse(const Arguments& arguments) {
  HelperLine line;
  for (size_t i = 0; i < arguments.size(); ++i) {
    const std::string& word = arguments[i];
    if (word == "-N" || word == "-t") {
      if (++i == arguments.size()) {
        line.bad = true;
      } else if (word == "-N") {
        line.mount_namespace = arguments[i];
      }
    } else if (word.size() > 1 && word[0] == '-') {
      line.bad = line.bad || word.find_first_not_of("flnrv", 1) != std::string::npos;
      line.force = line.force || word.find('f') != std::string::npos;
      line.request.lazy = line.request.lazy || word.find('l') != std::string::npos;
    } else {
      line.bad = line.bad || word.empty() || !line.request.path.empty();
      line.request.path = word;
    }
  }
  line.bad = line.bad || line.request.path.empty();
  return line;
}

}  // namespace

int UmountHelperCommand(const Arguments& arguments) {
  const HelperLine line = Parse(arguments);
  if (line.bad) return FailWith(kUsageOfUmount, "usage: umount.fuse.ossfs2 DIR [-flnrv] [-N NAMESPACE] [-t TYPE]");
  if (!line.mount_namespace.empty()) {
    if (const Status entered = EnterMountNamespace(line.mount_namespace); !entered)
      return FailWith(kUmountFailedStatus, entered.error().ToString());
  }
  // Who forces it waits for nobody.
  if (line.force) {
    const std::string& path = line.request.path;
    if (umount2(path.c_str(), MNT_FORCE | UMOUNT_NOFOLLOW | (line.request.lazy ? MNT_DETACH : 0)) == 0) return 0;
    return FailWith(kUmountFailedStatus, ErrnoError(errno, StrCat("umount ", path)).ToString());
  }
  return UnmountAndWait(line.request) == 0 ? 0 : kUmountFailedStatus;
}

}  // namespace ossfs2
