// KeyRing: the access keys that the server knows, with their secrets and tokens. Thread-safe.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "base/threads/mutex.h"

namespace ossfs2::server {

struct AccessKey {
  std::string secret;
  std::string token;     // empty: a permanent key; otherwise requests must carry it
  bool expired = false;  // requests get SecurityTokenExpired
};

class KeyRing {
 public:
  void Set(const std::string& id, AccessKey key) EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    keys_.insert_or_assign(id, std::move(key));
  }
  // False when unknown.
  bool Expire(std::string_view id) EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    const auto found = keys_.find(id);
    if (found == keys_.end()) return false;
    found->second.expired = true;
    return true;
  }
  bool Remove(std::string_view id) EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    const auto found = keys_.find(id);
    if (found == keys_.end()) return false;
    keys_.erase(found);
    return true;
  }
  std::optional<AccessKey> Find(std::string_view id) const EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    const auto found = keys_.find(id);
    return found == keys_.end() ? std::nullopt : std::optional(found->second);
  }

 private:
  mutable Mutex mutex_;
  std::map<std::string, AccessKey, std::less<>> keys_ GUARDED_BY(mutex_);
};

}  // namespace ossfs2::server
