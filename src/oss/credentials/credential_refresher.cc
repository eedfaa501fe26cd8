#include "oss/credentials/credential_refresher.h"

#include <algorithm>
#include <cerrno>

#include "base/report/log.h"
#include "base/values/str.h"
#include "oss/signing/encoding.h"

namespace ossfs2::oss {
namespace {

constexpr int64_t kEarlySeconds = 20 * 60;
constexpr int64_t kEarlyShortSeconds = 3 * 60;
constexpr int64_t kRetrySeconds = 15;
constexpr int64_t kBackoffMaxSeconds = 120;
constexpr int64_t kTimerMaxSeconds = 24 * 3600;
constexpr std::chrono::seconds kPauseAfterFailure{1};

bool IsSame(const KeySet& a, const KeySet& b) {
  return a.access_key_id == b.access_key_id && a.access_key_secret == b.access_key_secret &&
         a.security_token == b.security_token;
}

// Not a refusal: the next answer of the source may be another.
bool MayPass(const Error& error) {
  return error.retryable || error.kind == ErrorKind::kUnavailable || error.kind == ErrorKind::kExpiredCredential;
}

}  // namespace

std::optional<int64_t> RefreshTime(const Credentials& credentials, int64_t fetched_s,
                                   std::chrono::seconds refresh_interval, std::chrono::seconds recheck,
                                   double random) {
  std::optional<int64_t> at;
  const auto earlier = [&](int64_t time_s) { at = at ? std::min(*at, time_s) : time_s; };
  if (credentials.expires_s) {
    const int64_t life = *credentials.expires_s - fetched_s;
    const auto with_jitter = [random](int64_t early) {
      return early + static_cast<int64_t>(random * static_cast<double>(early) / 10);
    };
    int64_t early = with_jitter(std::max(kEarlySeconds, life / 5));
    if (early >= life) early = with_jitter(std::min(kEarlyShortSeconds, life / 2));  // short-lived
    // Many sources give the same keys until shortly before their end: they are not asked without a pause.
    const int64_t pause = std::min(kRetrySeconds, life / 2);
    earlier(std::max(*credentials.expires_s - early, fetched_s + pause));
  }
  if (refresh_interval.count() > 0) earlier(fetched_s + refresh_interval.count());
  if (recheck.count() > 0) earlier(fetched_s + recheck.count());
  return at;
}

std::chrono::seconds RetryDelay(int failures, bool backoff, double random) {
  if (!backoff) return std::chrono::seconds(kRetrySeconds);
  const int64_t cap = std::min<int64_t>(kBackoffMaxSeconds, int64_t{2} << std::min(failures, 6));
  return std::chrono::seconds(1 + static_cast<int64_t>(random * static_cast<double>(cap)));
}

std::chrono::seconds TimerDelay(int64_t refresh_at_s, int64_t now_s) {
  return std::chrono::seconds(std::clamp<int64_t>(refresh_at_s - now_s, 1, kTimerMaxSeconds));
}

CredentialRefresher::CredentialRefresher(SourcePtr source, std::chrono::seconds refresh_interval,
                                         bool refresh_backoff, Clock& clock)
    : source_(std::move(source)),
      refresh_interval_(refresh_interval),
      refresh_backoff_(refresh_backoff),
      clock_(clock),
      name_(source_->Name()) {}

CredentialRefresher::~CredentialRefresher() {
  {
    MutexLock lock(mutex_);
    stopping_ = true;
  }
  executor_.Shutdown();
}

bool CredentialRefresher::IsValid() const {
  return current_ && (!current_->expires_s || *current_->expires_s > Now());
}

bool CredentialRefresher::Ready() const {
  MutexLock lock(mutex_);
  return IsValid();
}

bool CredentialRefresher::HasJustFailed() const {
  return last_error_ && !is_running_ && clock_.NowSteady() - failed_at_ < kPauseAfterFailure;
}

bool CredentialRefresher::HasJustRepeated() const {
  return repeated_at_ && !is_running_ && clock_.NowSteady() - *repeated_at_ < kPauseAfterFailure;
}

void CredentialRefresher::StartRefresh() {
  if (is_running_ || stopping_) return;
  is_running_ = true;
  if (executor_.TryRun([this] { Refresh(); })) return;
  is_running_ = false;
  Error error = MakeError(EACCES, ErrorKind::kUnavailable,
                          StrCat(name_, " cannot be asked: no thread can be made for it; the limit of this user or "
                                        "container is reached. Next: raise it (ulimit -u, pids.max)"));
  error.retryable = true;
  OnFailed(std::move(error));
  SetTimer();
}

bool CredentialRefresher::WaitForRefresh(MutexLock& lock) {
  const auto deadline = std::chrono::steady_clock::now() + kWaitMax;
  while (is_running_) {
    const auto left = deadline - std::chrono::steady_clock::now();
    if (left <= std::chrono::nanoseconds(0)) return false;
    ended_.WaitFor(lock, left);
  }
  return true;
}

Result<SharedKeys> CredentialRefresher::Current() {
  MutexLock lock(mutex_);
  if (IsValid()) {
    if (refresh_at_s_ && Now() >= *refresh_at_s_) StartRefresh();
    return SharedKeys(current_, &current_->keys);
  }
  if (!HasJustFailed()) StartRefresh();
  if (WaitForRefresh(lock) && IsValid()) return SharedKeys(current_, &current_->keys);
  if (last_error_) {
    Error error = *last_error_;
    error.text = StrCat("there are no valid credentials: ", error.text);
    return error;
  }
  Error error = MakeError(
      EACCES, ErrorKind::kAccessDenied,
      StrCat("there are no valid credentials: ", name_, " gave nothing within ", kWaitMax.count(),
             " s. Next: see whether it answers when asked by hand on this machine"));
  error.retryable = true;
  return error;
}

Status CredentialRefresher::ForceRefresh(const KeySet& used) {
  MutexLock lock(mutex_);
  if (current_ && !IsSame(current_->keys, used)) return {};
  if (!source_->CanChange()) {
    return MakeError(EACCES, ErrorKind::kAccessDenied,
                     StrCat("the keys of ", name_, " do not change by themselves"));
  }
  if (!HasJustFailed() && !HasJustRepeated()) StartRefresh();
  const bool asked = is_running_;
  const bool has_ended = WaitForRefresh(lock);
  if (current_ && !IsSame(current_->keys, used)) return {};
  if (last_error_) return *last_error_;
  if (asked) repeated_at_ = clock_.NowSteady();
  Error error = MakeError(EACCES, ErrorKind::kAccessDenied,
                          StrCat(name_, has_ended ? " gave the same keys again" : " gave nothing in time"));
  error.retryable = !has_ended;
  return error;
}

std::string CredentialRefresher::Describe() const {
  MutexLock lock(mutex_);
  if (!current_ || !current_->expires_s) return name_;
  return StrCat(name_, ", expires ", IsoDate(*current_->expires_s));
}

void CredentialRefresher::Refresh() {
  auto fetched = source_->Fetch();
  std::string name = source_->Name();
  MutexLock lock(mutex_);
  name_ = std::move(name);
  if (fetched) {
    OnFetched(std::move(*fetched));
  } else {
    OnFailed(std::move(fetched.error()));
  }
  is_running_ = false;
  SetTimer();
  ended_.NotifyAll();
}

void CredentialRefresher::OnFetched(Credentials credentials) {
  if (credentials.expires_s && *credentials.expires_s <= Now()) {
    return OnFailed(
        MakeError(EACCES, ErrorKind::kExpiredCredential,
                  StrCat(name_, " gave credentials that have expired at ", IsoDate(*credentials.expires_s),
                         ". Next: renew them at their source, and check the clock of this machine")));
  }
  failures_ = 0;
  last_error_.reset();
  const double random = std::uniform_real_distribution<double>(0.0, 1.0)(random_);
  refresh_at_s_ =
      RefreshTime(credentials, Now(), refresh_interval_,
                  credentials.expires_s ? std::chrono::seconds(0) : source_->RecheckInterval(), random);
  current_ = std::make_shared<const Credentials>(std::move(credentials));
}

void CredentialRefresher::OnFailed(Error error) {
  ++failures_;
  failed_at_ = clock_.NowSteady();
  if (current_ && MayPass(error)) error.retryable = true;
  const double random = std::uniform_real_distribution<double>(0.0, 1.0)(random_);
  refresh_at_s_ = Now() + RetryDelay(failures_, refresh_backoff_, random).count();
  if (IsValid()) {
    LogLimited(LogLevel::kWarning,
               StrCat("Credentials could not be renewed, the old ones serve on: ", error.text));
  }
  last_error_ = std::move(error);
}

// So that an idle mount has fresh keys too. Sources without expiry are asked when keys are used.
void CredentialRefresher::SetTimer() {
  if (timer_id_ != 0) timer_.Cancel(timer_id_);
  timer_id_ = 0;
  if (stopping_ || !refresh_at_s_ || !current_ || !current_->expires_s) return;
  timer_id_ = timer_.After(TimerDelay(*refresh_at_s_, Now()), [this] {
    MutexLock lock(mutex_);
    timer_id_ = 0;
    if (refresh_at_s_ && Now() < *refresh_at_s_) return SetTimer();
    StartRefresh();
  });
}

}  // namespace ossfs2::oss
