#include "data/upload/multipart_upload.h"

#include <cerrno>
#include <utility>

#include "base/report/log.h"
#include "base/time/clock.h"
#include "base/values/crc64.h"
#include "base/values/str.h"

namespace ossfs2 {
namespace {

// The service said no: nothing was opened. Of an answer that was lost the journal must know.
bool IsRefusal(const Error& error) {
  return error.http_status >= 400 && error.http_status < 500 && !error.retryable;
}

}  // namespace

std::shared_ptr<MultipartUpload> MultipartUpload::Begin(UploadServices& services, uint64_t owner, std::string key,
                                                        WriteOptions options) {
  auto upload = std::make_shared<MultipartUpload>(services, owner, std::move(key), std::move(options));
  services.Background([upload] { upload->Open(); });
  return upload;
}

MultipartUpload::MultipartUpload(UploadServices& services, uint64_t owner, std::string key, WriteOptions options)
    : services_(services), owner_(owner), key_(std::move(key)), options_(std::move(options)) {}

void MultipartUpload::Open() {
  entry_.key = key_;
  entry_.started_s = Clock::Real().NowWallNs() / 1'000'000'000;
  // A crash without a record leaves an upload that `ossfs2 gc` finds. That is less than a file that cannot be
  // stored because the local disk is full or was made read-only.
  if (Result<Journal::Id> record = services_.journal.Begin(entry_))
    record_ = *record;
  else
    LogLimited(LogLevel::kWarning, StrCat("a crash now may leave an unfinished upload, which ossfs2 gc ends: ",
                                          record.error().text));
  Result<std::string> id = services_.store.InitiateUpload(key_, options_);
  if (id) {
    entry_.upload_id = *id;
    if (Status status = services_.journal.Update(record_, entry_); !status)
      Log(LogLevel::kWarning, StrCat(status.error().text, "; the record without the upload's id remains"));
  } else if (IsRefusal(id.error())) {
    services_.journal.End(record_);
  }
  Opened(std::move(id));
}

void MultipartUpload::Opened(Result<std::string> id) {
  std::vector<std::function<void()>> waiting;
  {
    MutexLock lock(mutex_);
    opened_ = true;
    if (id)
      id_ = *id;
    else
      failure_ = id.error();
    waiting.swap(waiting_);
    changed_.NotifyAll();
  }
  for (const auto& start : waiting) start();
}

size_t MultipartUpload::Outstanding() const {
  MutexLock lock(mutex_);
  return outstanding_;
}

void MultipartUpload::WaitBelow(size_t count) {
  MutexLock lock(mutex_);
  while (outstanding_ >= count) changed_.Wait(lock);
}

Status MultipartUpload::Wait() {
  MutexLock lock(mutex_);
  while (outstanding_ > 0 || !opened_) changed_.Wait(lock);
  if (failure_) return *failure_;
  return {};
}

Status MultipartUpload::WaitFor(int number) {
  MutexLock lock(mutex_);
  while (!parts_.contains(number) && !failure_ && !aborted_) changed_.Wait(lock);
  if (failure_) return *failure_;
  return {};
}

Status MultipartUpload::failure() const {
  MutexLock lock(mutex_);
  if (failure_) return *failure_;
  return {};
}

bool MultipartUpload::ClearFailure() {
  MutexLock lock(mutex_);
  if (!opened_) return true;
  if (id_.empty() || aborted_) return false;
  // Or the source of a copy is gone.
  if (failure_ && failure_->kind == ErrorKind::kNotFound && failure_->oss_code != "NoSuchKey") return false;
  failure_.reset();
  return true;
}

std::optional<PartResult> MultipartUpload::Part(int number) const {
  MutexLock lock(mutex_);
  const auto found = parts_.find(number);
  if (found == parts_.end()) return std::nullopt;
  return found->second;
}

std::string MultipartUpload::upload_id() const {
  MutexLock lock(mutex_);
  return id_;
}

std::optional<uint64_t> MultipartUpload::CombinedCrc(std::span<const int> numbers, uint64_t before) const {
  MutexLock lock(mutex_);
  uint64_t crc = before;
  for (const int number : numbers) {
    const auto found = parts_.find(number);
    if (found == parts_.end() || !found->second.crc64) return std::nullopt;
    crc = Crc64Combine(crc, *found->second.crc64, found->second.size);
  }
  return crc;
}

Result<WriteResult> MultipartUpload::Complete(const std::vector<int>& numbers, std::optional<uint64_t> crc,
                                              bool forbid_overwrite) {
  std::vector<PartResult> parts;
  parts.reserve(numbers.size());
  std::string id;
  {
    MutexLock lock(mutex_);
    for (const int number : numbers) {
      const auto found = parts_.find(number);
      if (found == parts_.end())
        return MakeError(EIO, ErrorKind::kOther, StrCat("part ", number, " of ", key_, " was not stored"));
      parts.push_back(found->second);
    }
    id = id_;
  }
  services_.completing.fetch_add(1, std::memory_order_relaxed);
  Result<WriteResult> result =
      services_.store.CompleteUpload(key_, id, parts, services_.options.check_crc64 ? crc : std::nullopt,
                                     forbid_overwrite);
  services_.completing.fetch_sub(1, std::memory_order_relaxed);
  if (!result) return result;
  services_.journal.End(record_);
  if (!result->crc64) result->crc64 = crc;
  return result;
}

void MultipartUpload::Abort() {
  std::vector<std::shared_ptr<StoreCall>> calls;
  {
    MutexLock lock(mutex_);
    if (aborted_) return;
    aborted_ = true;
    for (const auto& [number, call] : running_)
      if (call) calls.push_back(call);
  }
  for (const auto& call : calls) call->Cancel();
  services_.CleanUp([self = shared_from_this()] {
    // A part that arrives after the abort would stay for ever.
    (void)self->Wait();
    const std::string id = self->upload_id();
    if (id.empty()) return;  // never opened, or the answer was lost: the next start looks for it
    const Status status = self->services_.store.AbortUpload(self->key_, id);
    if (status)
      self->services_.journal.End(self->record_);
    else
      LogLimited(LogLevel::kWarning,
                 StrCat("an upload of ", self->key_,
                        " could not be aborted; the next start tries again: ", status.error().text));
  });
}

}  // namespace ossfs2
