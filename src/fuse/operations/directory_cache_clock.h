// DirectoryCacheClock: when the kernel may keep a directory it has cached
// (kernel_readdir_cache_timeout).
//
// MayKeep says whether the kernel's copy is younger than the timeout; when it says no, the copy is
// filled anew by this open and its age starts now. Thread-safe. Remembers at most 65,536 directories;
// beyond that it forgets all, which costs a fresh listing each.
#pragma once

#include <chrono>
#include <unordered_map>

#include "base/threads/mutex.h"
#include "base/time/clock.h"
#include "ossfs2/file_system.h"

namespace ossfs2 {

class DirectoryCacheClock {
 public:
  DirectoryCacheClock(double timeout_s, Clock& clock) : timeout_s_(timeout_s), clock_(clock) {}
  bool enabled() const { return timeout_s_ > 0; }

  bool MayKeep(Ino ino) EXCLUDES(mutex_) {
    const SteadyTime now = clock_.NowSteady();
    MutexLock lock(mutex_);
    if (filled_.size() >= kDirectoriesMax) filled_.clear();
    const auto [it, fresh] = filled_.try_emplace(ino, now);
    if (!fresh && std::chrono::duration<double>(now - it->second).count() < timeout_s_) return true;
    it->second = now;
    return false;
  }

 private:
  static constexpr size_t kDirectoriesMax = 65536;
  const double timeout_s_;
  Clock& clock_;
  Mutex mutex_;
  std::unordered_map<Ino, SteadyTime> filled_ GUARDED_BY(mutex_);
};

}  // namespace ossfs2
