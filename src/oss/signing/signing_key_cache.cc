#include "oss/signing/signing_key_cache.h"

#include <cstring>

namespace ossfs2::oss {

SigningKeyCache::~SigningKeyCache() {
  MutexLock lock(mutex_);
  for (Entry& entry : entries_) Wipe(entry);
}

void SigningKeyCache::Wipe(Entry& entry) {
  explicit_bzero(entry.secret.data(), entry.secret.size());
  explicit_bzero(entry.key.data(), entry.key.size());
  entry.secret.clear();
  entry.date.clear();
}

SigningKey SigningKeyCache::Key(std::string_view secret, const ScopeV4& scope) {
  const std::string_view date = std::string_view(scope.iso_time).substr(0, 8);
  {
    MutexLock lock(mutex_);
    for (const Entry& entry : entries_) {
      if (entry.date == date && entry.secret == secret && entry.region == scope.region &&
          entry.product == scope.product)
        return entry.key;
    }
    ++derived_;
  }
  const SigningKey key = SigningKeyV4(secret, scope);
  MutexLock lock(mutex_);
  newest_ = (newest_ + 1) % kEntriesMax;
  Entry& entry = entries_[newest_];
  Wipe(entry);
  entry.secret = secret;
  entry.date = date;
  entry.region = scope.region;
  entry.product = scope.product;
  entry.key = key;
  return key;
}

uint64_t SigningKeyCache::derived() const {
  MutexLock lock(mutex_);
  return derived_;
}

}  // namespace ossfs2::oss
