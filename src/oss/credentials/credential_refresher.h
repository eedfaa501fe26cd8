// CredentialRefresher: keeps the newest set of one source and renews it in the background.
//
// See CredentialProvider for the rules. Current() and a timer start refreshes; one thread runs them; old keys
// serve until their expiry. Thread-safe. No lock is held while the source is asked.
#pragma once

#include <chrono>
#include <optional>
#include <random>
#include <string>

#include "base/threads/executor.h"
#include "base/threads/mutex.h"
#include "base/threads/timer.h"
#include "base/time/clock.h"
#include "base/values/random.h"
#include "oss/credentials/credential_source.h"
#include "oss/credentials/credentials.h"

namespace ossfs2::oss {

// When a set got at `fetched_s` is due for renewal; nothing: never. `random` in [0, 1) spreads many hosts.
std::optional<int64_t> RefreshTime(const Credentials& credentials, int64_t fetched_s,
                                   std::chrono::seconds refresh_interval, std::chrono::seconds recheck,
                                   double random);

// How long after that many failures in a row the source is asked again.
std::chrono::seconds RetryDelay(int failures, bool backoff, double random);

// How long a timer waits for that time: at least a second and at most a day, then it looks again. An expiry in the year
// 9999 ("never") is more nanoseconds than 64 bits hold, and a wall clock may be set meanwhile.
std::chrono::seconds TimerDelay(int64_t refresh_at_s, int64_t now_s);

class CredentialRefresher final : public CredentialProvider {
 public:
  CredentialRefresher(SourcePtr source, std::chrono::seconds refresh_interval, bool refresh_backoff,
                      Clock& clock);
  ~CredentialRefresher() override;

  Result<SharedKeys> Current() override EXCLUDES(mutex_);
  bool Ready() const override EXCLUDES(mutex_);
  Status ForceRefresh(const KeySet& used) override EXCLUDES(mutex_);
  bool CanChange() const override { return source_->CanChange(); }
  std::string Describe() const override EXCLUDES(mutex_);

 private:
  static constexpr std::chrono::seconds kWaitMax{15};
  int64_t Now() const { return clock_.NowWallNs() / 1'000'000'000; }
  bool IsValid() const REQUIRES(mutex_);
  void StartRefresh() REQUIRES(mutex_);
  // Whether the source failed, or had nothing new for ForceRefresh, a moment ago: many callers must not ask it without
  // a pause.
  bool HasJustFailed() const REQUIRES(mutex_);
  bool HasJustRepeated() const REQUIRES(mutex_);
  // Until the refresh that runs has ended; false after kWaitMax.
  bool WaitForRefresh(MutexLock& lock) REQUIRES(mutex_);
  void Refresh() EXCLUDES(mutex_);
  void OnFetched(Credentials credentials) REQUIRES(mutex_);
  void OnFailed(Error error) REQUIRES(mutex_);
  void SetTimer() REQUIRES(mutex_);

  const SourcePtr source_;
  const std::chrono::seconds refresh_interval_;
  const bool refresh_backoff_;
  Clock& clock_;

  mutable Mutex mutex_;
  CondVar ended_;
  std::shared_ptr<const Credentials> current_ GUARDED_BY(mutex_);
  std::optional<int64_t> refresh_at_s_ GUARDED_BY(mutex_);
  std::optional<Error> last_error_ GUARDED_BY(mutex_);
  std::string name_ GUARDED_BY(mutex_);  // the source's, as of its last fetch
  int failures_ GUARDED_BY(mutex_) = 0;
  SteadyTime failed_at_ GUARDED_BY(mutex_);
  std::optional<SteadyTime> repeated_at_ GUARDED_BY(mutex_);
  bool is_running_ GUARDED_BY(mutex_) = false;
  bool stopping_ GUARDED_BY(mutex_) = false;
  Timer::Id timer_id_ GUARDED_BY(mutex_) = 0;
  std::mt19937_64 random_ GUARDED_BY(mutex_){RandomSeed()};

  Timer timer_;
  Executor executor_{"credentials", 1};
};

}  // namespace ossfs2::oss
