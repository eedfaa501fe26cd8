#include "base/machine/descriptors.h"

#include <sys/resource.h>

#include <algorithm>

namespace ossfs2 {

void RaiseDescriptorLimit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  const rlim_t wanted = std::min<rlim_t>(limit.rlim_max, kDescriptorsMax);
  if (limit.rlim_cur >= wanted) return;
  limit.rlim_cur = wanted;
  setrlimit(RLIMIT_NOFILE, &limit);  // the hard limit stays, so nothing can refuse it
}

uint64_t ConnectionsWithinLimit() {
  constexpr uint64_t kOfTheMount = 24;  // /dev/fuse, loops, sockets, log, locks
  constexpr uint64_t kMin = 4;
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return kMin;
  return std::max(kMin, (std::max<uint64_t>(limit.rlim_cur, kOfTheMount) - kOfTheMount) / 2);
}

}  // namespace ossfs2
