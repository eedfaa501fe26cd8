#include "http/client/loop_set.h"

#include <algorithm>

#include "base/machine/processors.h"

namespace ossfs2::http {

int LoopThreads(const HttpConfig& config) {
  // One thread receives about 2.5 GB/s; 32 cores with 16 of them reach 16 GB/s (docs/results).
  constexpr int kDefaultMax = 16;
  const int cores = UsableProcessors();
  const int asked = config.loop_threads > 0 ? config.loop_threads : std::clamp(cores / 2, 2, kDefaultMax);
  return std::max(1, std::min(asked, config.connections_max));
}

size_t ConnectionShare(const HttpConfig& config, int index, int loops) {
  const int all = std::max(config.connections_max, loops);
  return static_cast<size_t>(all / loops + (index < all % loops ? 1 : 0));
}

}  // namespace ossfs2::http
