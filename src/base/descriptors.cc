#include "base/descriptors.h"

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

}  // namespace ossfs2
