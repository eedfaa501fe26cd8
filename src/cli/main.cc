#include <fcntl.h>

#include <cerrno>

#include "base/machine/name_service.h"
#include "cli/app.h"
#include "cli/daemon/core_dumps.h"
#include "cli/options/secrets.h"

namespace {

// A starter may have closed some of the first three descriptors (`<&- >&-`): what is opened next, such as the pipe to
// the parent of the daemon, would get their numbers, and be replaced by /dev/null there.
void FillStandardDescriptors() {
  for (int fd = 0; fd < 3; ++fd)
    if (fcntl(fd, F_GETFD) < 0 && errno == EBADF) open("/dev/null", O_RDWR);
}

}  // namespace

int main(int argc, char** argv) {
  FillStandardDescriptors();
  ossfs2::UseOwnNameServices();
  ossfs2::ForbidCoreDumps();
  ossfs2::HideSecretEnvironment();
  return ossfs2::RunOssfs2(argc, argv);
}
