// ServedKeys: whether keys that are refused may be in the middle of a replacement.
//
// Who replaces keys may disable the old ones before the new ones are where the mount looks for them. Keys that never
// served (a wrong file, at the mount) are refused for good; those that did are waited on for kAwaited from
// their first refusal, by all who need keys, so that an upload of hours does not fail of those seconds, and later
// ones fail at once.
// Thread-safe.
#pragma once

#include <chrono>

#include "base/threads/mutex.h"
#include "base/time/clock.h"
#include "oss/signing/signing.h"

namespace ossfs2::oss {

class ServedKeys {
 public:
  static constexpr std::chrono::seconds kAwaited{60};

  // The service accepted a request that they signed.
  void OnServed(const SharedKeys& keys) EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    if (served_ != keys) served_ = keys;
    refused_ = false;
  }
  // How long others are waited for after they were refused; zero or less: no more.
  std::chrono::nanoseconds Awaited(const SharedKeys& keys, SteadyTime now) EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    if (served_ == nullptr || keys == nullptr || !IsSame(*served_, *keys)) return {};
    if (!refused_) refused_since_ = now;
    refused_ = true;
    return refused_since_ + kAwaited - now;
  }

 private:
  // A source that is asked again makes a new set of the same keys.
  static bool IsSame(const KeySet& a, const KeySet& b) {
    return a.access_key_id == b.access_key_id && a.access_key_secret == b.access_key_secret &&
           a.security_token == b.security_token;
  }

  Mutex mutex_;
  SharedKeys served_ GUARDED_BY(mutex_);
  bool refused_ GUARDED_BY(mutex_) = false;
  SteadyTime refused_since_ GUARDED_BY(mutex_);
};

}  // namespace ossfs2::oss
