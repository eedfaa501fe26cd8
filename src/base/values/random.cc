#include "base/values/random.h"

#include <sys/random.h>
#include <unistd.h>

#include <chrono>

namespace ossfs2 {

uint64_t RandomSeed() {
  uint64_t seed = 0;
  // 8 bytes never come in parts; before the kernel's pool is ready at boot the call waits.
  if (getrandom(&seed, sizeof(seed), 0) == sizeof(seed)) return seed;
  return static_cast<uint64_t>(std::chrono::steady_clock::now().time_since_epoch().count()) * 0x9E3779B97F4A7C15ull ^
         static_cast<uint64_t>(getpid());
}

}  // namespace ossfs2
