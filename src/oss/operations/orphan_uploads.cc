#include "oss/operations/orphan_uploads.h"

#include <algorithm>
#include <utility>

#include "base/report/log.h"
#include "base/values/str.h"
#include "oss/exchange/oss_context.h"
#include "oss/operations/operations.h"

namespace ossfs2::oss {
namespace {

constexpr size_t kKnownIdsMax = 4096;
constexpr size_t kJobsMax = 64;
constexpr int kLooksMax = 3;
constexpr size_t kOthersMax = 8;  // of one key in that time; their parts are asked for
constexpr auto kFinishMax = std::chrono::seconds(10);

}  // namespace

void OrphanUploads::Begin(const std::string& key) {
  MutexLock lock(mutex_);
  ++opening_[key];
}

void OrphanUploads::End(const std::string& key, const std::string& upload_id) {
  MutexLock lock(mutex_);
  // Known before it is no longer under way, so that a look between never takes it for an orphan.
  if (!upload_id.empty() && known_.insert(upload_id).second) {
    known_order_.push_back(upload_id);
    if (known_order_.size() > kKnownIdsMax) {
      known_.erase(known_order_.front());
      known_order_.pop_front();
    }
  }
  const auto found = opening_.find(key);
  if (found != opening_.end() && --found->second == 0) opening_.erase(found);
}

void OrphanUploads::LookFor(Search search) {
  MutexLock lock(mutex_);
  // The service's clock has seconds: what two searches of one key look for may lie in the same one.
  const auto same =
      std::find_if(jobs_.begin(), jobs_.end(), [&](const Job& job) { return job.search.key == search.key; });
  if (same != jobs_.end()) {
    search.from_s = std::min(search.from_s, same->search.from_s);
    search.to_s = std::max(search.to_s, same->search.to_s);
    search.answers_lost += same->search.answers_lost;
    jobs_.erase(same);
  }
  if (jobs_.size() >= kJobsMax) return;
  jobs_.push_back({std::move(search), context_.clock.NowSteady() + context_.config.orphan_age});
  if (running_) return;
  running_ = true;
  RunAfter(context_.config.orphan_age);
}

void OrphanUploads::Finish() {
  const auto end = std::chrono::steady_clock::now() + kFinishMax;
  MutexLock lock(mutex_);
  while (running_ && !given_up_) {
    const auto left = end - std::chrono::steady_clock::now();
    if (left <= left.zero()) return;
    idle_.WaitFor(lock, left);
  }
}

void OrphanUploads::GiveUp() {
  MutexLock lock(mutex_);
  given_up_ = true;
  idle_.NotifyAll();
}

void OrphanUploads::RunAfter(std::chrono::nanoseconds delay) {
  context_.timer.After(delay, [this] { context_.executor.Run([this] { RunDue(); }); });
}

void OrphanUploads::RunDue() {
  MutexLock lock(mutex_);
  while (!jobs_.empty()) {
    const auto wait = jobs_.front().due - context_.clock.NowSteady();
    if (wait > wait.zero()) return RunAfter(wait);
    Job job = std::move(jobs_.front());
    jobs_.pop_front();
    lock.Unlock();
    const Verdict verdict = Look(job.search);
    lock.Lock();
    if (verdict == Verdict::kDone || ++job.looks == kLooksMax) continue;
    job.due = context_.clock.NowSteady() + context_.config.orphan_age;
    jobs_.push_back(std::move(job));
  }
  running_ = false;
  idle_.NotifyAll();
}

OrphanUploads::Verdict OrphanUploads::Choose(const Search& search, std::vector<UploadInfo>& uploads) {
  MutexLock lock(mutex_);
  if (opening_.contains(search.key)) return Verdict::kLater;
  std::vector<UploadInfo> chosen;
  for (UploadInfo& upload : uploads) {
    const bool in_time = upload.initiated_s >= search.from_s && upload.initiated_s <= search.to_s;
    if (upload.key == search.key && in_time && !known_.contains(upload.upload_id)) chosen.push_back(std::move(upload));
  }
  uploads = std::move(chosen);
  return Verdict::kDone;
}

OrphanUploads::Verdict OrphanUploads::Look(const Search& search) {
  Result<std::vector<UploadInfo>> uploads = RunListUploadsOf(context_, search.key);
  if (!uploads) {
    Log(LogLevel::kInfo,
        StrCat("an upload of ", search.key, " may be left, ossfs2 gc ends it: ", uploads.error().text));
    return Verdict::kDone;
  }
  if (Choose(search, *uploads) == Verdict::kLater) return Verdict::kLater;
  const auto ours_max = static_cast<size_t>(search.answers_lost);
  if (uploads->size() <= ours_max + kOthersMax) {
    std::erase_if(*uploads, [&](const UploadInfo& upload) {
      const Result<std::vector<PartResult>> parts = RunListParts(context_, search.key, upload.upload_id);
      return !parts || !parts->empty();
    });
  }
  if (uploads->size() > ours_max) {
    Log(LogLevel::kInfo, StrCat(uploads->size(), " uploads of ", search.key,
                                " were begun while answers were lost, some by others; ossfs2 gc ends what stays"));
    return Verdict::kDone;
  }
  for (const UploadInfo& upload : *uploads) {
    if (const Status aborted = RunAbort(context_, search.key, upload.upload_id); aborted)
      Log(LogLevel::kInfo, StrCat("ended an upload of ", search.key, " that was opened although its answer was lost"));
  }
  return Verdict::kDone;
}

}  // namespace ossfs2::oss
