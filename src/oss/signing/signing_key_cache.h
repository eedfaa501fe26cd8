// SigningKeyCache: the keys that V4 derives from a secret for one day and region, kept for the requests that follow.
//
// The derivation is four of the six hashes of a signature. A lookup compares everything that the key depends on,
// the secret too, so after a rotation or at midnight UTC there is no old key to be found. Two entries: the set in
// use and, while keys or days change, the one before; what leaves is overwritten.
// Threads: any. Nothing is derived while the lock is held, so two may derive the same key at once.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/threads/mutex.h"
#include "oss/signing/signing.h"

namespace ossfs2::oss {

class SigningKeyCache {
 public:
  static constexpr size_t kEntriesMax = 2;

  SigningKeyCache() = default;
  ~SigningKeyCache();
  SigningKeyCache(const SigningKeyCache&) = delete;
  SigningKeyCache& operator=(const SigningKeyCache&) = delete;

  SigningKey Key(std::string_view secret, const ScopeV4& scope) EXCLUDES(mutex_);
  uint64_t derived() const EXCLUDES(mutex_);  // keys that were not found

 private:
  struct Entry {
    std::string secret;
    std::string date;
    std::string region;
    std::string product;
    SigningKey key{};
  };
  static void Wipe(Entry& entry);

  mutable Mutex mutex_;
  std::array<Entry, kEntriesMax> entries_ GUARDED_BY(mutex_);  // an unused one has no date
  size_t newest_ GUARDED_BY(mutex_) = 0;
  uint64_t derived_ GUARDED_BY(mutex_) = 0;
};

}  // namespace ossfs2::oss
