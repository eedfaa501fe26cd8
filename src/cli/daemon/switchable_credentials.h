// SwitchableCredentials: a CredentialProvider whose source can be exchanged while requests
// are signed (SIGHUP, `ossfs2 set`). Thread-safe; a call under way ends with the source it began with.
#pragma once

#include <memory>
#include <string>

#include "base/threads/mutex.h"
#include "oss/credentials/credentials.h"

namespace ossfs2 {

class SwitchableCredentials final : public oss::CredentialProvider {
 public:
  explicit SwitchableCredentials(std::shared_ptr<oss::CredentialProvider> source)
      : source_(std::move(source)) {}

  Result<oss::SharedKeys> Current() override { return Source()->Current(); }
  bool Ready() const override { return Source()->Ready(); }
  Status ForceRefresh(const oss::KeySet& used) override { return Source()->ForceRefresh(used); }
  bool CanChange() const override { return true; }  // to another source
  std::string Describe() const override { return Source()->Describe(); }

  void Switch(std::shared_ptr<oss::CredentialProvider> source) EXCLUDES(mutex_) {
    // `source` leaves after the lock: the old one may have a thread to end.
    MutexLock lock(mutex_);
    source_.swap(source);
  }

 private:
  std::shared_ptr<oss::CredentialProvider> Source() const EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    return source_;
  }

  mutable Mutex mutex_;
  std::shared_ptr<oss::CredentialProvider> source_ GUARDED_BY(mutex_);
};

}  // namespace ossfs2
