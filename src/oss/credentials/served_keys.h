// ServedKeys: whether keys that are refused may be in the middle of a replacement.
//
// Who replaces keys may disable the old ones before the new ones are where the mount looks for them; new ones may not
// be known to all of the service yet; and of keys in several files some may have been read before and some after they
// were written. So once any keys have served, others are waited for during kAwaited from the first refusal, by all who
// need keys, so that an upload of hours does not fail of those seconds; later ones fail at once, until keys serve
// again. Before that (a wrong file, at the mount) a refusal is final.
// Thread-safe.
#pragma once

#include <chrono>
#include <optional>

#include "base/threads/mutex.h"
#include "base/time/clock.h"

namespace ossfs2::oss {

class ServedKeys {
 public:
  static constexpr std::chrono::seconds kAwaited{60};

  // The service accepted a request that was signed.
  void OnServed() EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    have_served_ = true;
    refused_since_.reset();
  }
  // How long others are waited for after some were refused; zero or less: no more.
  std::chrono::nanoseconds Awaited(SteadyTime now) EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    if (!have_served_) return {};
    if (!refused_since_) refused_since_ = now;
    return *refused_since_ + kAwaited - now;
  }

 private:
  Mutex mutex_;
  bool have_served_ GUARDED_BY(mutex_) = false;
  std::optional<SteadyTime> refused_since_ GUARDED_BY(mutex_);
};

}  // namespace ossfs2::oss
