// GoneListener: who is told that a GET did not find the version that it asked for.
//
// Threads: any. The call runs under the listener's own lock, so that none runs after Set(nullptr); it must not come
// back to the engine.
#pragma once

#include <cstdint>
#include <functional>
#include <utility>

#include "base/threads/mutex.h"
#include "data/object_version.h"

namespace ossfs2 {

class GoneListener {
 public:
  using Call = std::function<void(uint64_t file_id, const ObjectVersion& version)>;

  void Set(Call call) EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    call_ = std::move(call);
  }
  void Tell(uint64_t file_id, const ObjectVersion& version) EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    if (call_) call_(file_id, version);
  }

 private:
  Mutex mutex_;
  Call call_ GUARDED_BY(mutex_);
};

}  // namespace ossfs2
