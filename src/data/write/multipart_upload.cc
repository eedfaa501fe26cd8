#include "data/write/multipart_upload.h"

#include <cerrno>
#include <utility>

#include "base/clock.h"
#include "base/crc64.h"
#include "base/log.h"
#include "base/str.h"
#include "data/upload/upload_zeros.h"

namespace ossfs2 {
namespace {

// The service said no: nothing was opened. Of an answer that was lost the journal must know.
bool IsRefusal(const Error& error) {
  return error.http_status >= 400 && error.http_status < 500 && !error.retryable;
}

}  // namespace

std::shared_ptr<MultipartUpload> MultipartUpload::Begin(WriteServices& services, uint64_t owner, std::string key,
                                                        WriteOptions options) {
  auto upload = std::make_shared<MultipartUpload>(services, owner, std::move(key), std::move(options));
  services.Background([upload] { upload->Open(); });
  return upload;
}

MultipartUpload::MultipartUpload(WriteServices& services, uint64_t owner, std::string key, WriteOptions options)
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

void MultipartUpload::Admit(std::function<void()> start) {
  services_.activity.Start();
  {
    MutexLock lock(mutex_);
    ++outstanding_;
    if (!opened_) {
      waiting_.push_back(std::move(start));
      return;
    }
  }
  start();
}

std::optional<Error> MultipartUpload::Refusal() const {
  MutexLock lock(mutex_);
  if (failure_) return failure_;
  if (aborted_) return MakeError(ECANCELED, ErrorKind::kCanceled, "the upload was given up");
  return std::nullopt;
}

void MultipartUpload::Send(int number, std::shared_ptr<PartBuffer> buffer) {
  UploadBody body;
  body.spans = buffer->Spans();
  if (services_.options.check_crc64) body.crc64 = buffer->Crc();
  const uint64_t size = buffer->size();
  SendBody(number, std::move(body), size, std::move(buffer));
}

void MultipartUpload::SendZeros(int number, uint64_t size) {
  UploadBody body;
  AddZeroSpans(body.spans, size);
  if (services_.options.check_crc64) body.crc64 = ZeroCrc64(size);
  SendBody(number, std::move(body), size, nullptr);
}

void MultipartUpload::SendMemory(int number, std::span<const std::byte> bytes, std::shared_ptr<const void> keep) {
  UploadBody body;
  body.spans.push_back(bytes);
  if (services_.options.check_crc64) body.crc64 = Crc64(0, bytes.data(), bytes.size());
  SendBody(number, std::move(body), bytes.size(), std::move(keep));
}

void MultipartUpload::SendLater(int number, std::function<Result<std::shared_ptr<PartBuffer>>()> load) {
  {
    MutexLock lock(mutex_);
    parts_.erase(number);  // also when it cannot be loaded
    ++outstanding_;
  }
  services_.Background([self = shared_from_this(), number, load = std::move(load)]() mutable {
    Result<std::shared_ptr<PartBuffer>> buffer = load();
    load = nullptr;
    if (buffer) self->Send(number, std::move(*buffer));
    MutexLock lock(self->mutex_);
    if (!buffer && !self->failure_) self->failure_ = buffer.error();
    --self->outstanding_;
    self->changed_.NotifyAll();
  });
}

void MultipartUpload::SendBody(int number, UploadBody body, uint64_t size, std::shared_ptr<const void> memory) {
  {
    MutexLock lock(mutex_);
    parts_.erase(number);
  }
  Admit([self = shared_from_this(), number, body = std::move(body), size, memory = std::move(memory)]() mutable {
    WriteServices& services = self->services_;
    const uint64_t owner = self->owner_;
    services.scheduler.Submit(owner, [self = std::move(self), number, body = std::move(body), size,
                                      memory = std::move(memory)](UploadScheduler::Done done) mutable {
      MultipartUpload& upload = *self;
      upload.StartPart(number, std::move(body), size, std::move(memory), std::move(done));
    });
  });
}

void MultipartUpload::StartPart(int number, UploadBody body, uint64_t size, std::shared_ptr<const void> memory,
                                UploadScheduler::Done done) {
  if (std::optional<Error> refusal = Refusal()) {
    memory.reset();
    WriteServices& services = services_;
    done();
    Finish(number, std::move(*refusal));
    services.activity.End();
    return;
  }
  services_.metrics.uploads_in_flight.Add(1);
  const std::optional<uint64_t> crc = body.crc64;
  {
    MutexLock lock(mutex_);
    running_[number] = nullptr;
  }
  auto call = services_.store.UploadPartAsync(
      key_, upload_id(), number, std::move(body),
      [self = shared_from_this(), number, size, crc, memory = std::move(memory),
       done = std::move(done)](Result<PartResult> result) mutable {
        WriteServices& services = self->services_;
        memory.reset();  // before anybody who waits for memory or for the part is woken
        services.metrics.uploads_in_flight.Add(-1);
        if (result) services.metrics.parts_uploaded.Add();
        self->CheckPart(result, number, size, crc);
        done();
        self->Finish(number, std::move(result));
        self.reset();
        services.activity.End();
      });
  MutexLock lock(mutex_);
  const auto still = running_.find(number);
  if (still != running_.end()) still->second = std::move(call);
}

void MultipartUpload::CheckPart(Result<PartResult>& result, int number, uint64_t size,
                                std::optional<uint64_t> crc) const {
  if (!result) return;
  if (crc && result->crc64 && *crc != *result->crc64) {
    result = MakeError(EIO, ErrorKind::kCorrupt,
                       StrCat("part ", number, " of ", key_, " arrived damaged (CRC64 differs); nothing was published"));
    return;
  }
  result->number = number;
  result->size = size;
  if (crc) result->crc64 = crc;
}

void MultipartUpload::Copy(int number, const ObjectVersion& source, uint64_t offset, uint64_t size) {
  {
    MutexLock lock(mutex_);
    parts_.erase(number);
  }
  Admit([self = shared_from_this(), number, source, offset, size] {
    self->services_.BackgroundCopy([self, number, source, offset, size] {
      std::optional<Error> refusal = self->Refusal();
      Result<PartResult> result =
          refusal ? Result<PartResult>(std::move(*refusal))
                  : self->services_.store.CopyPart(self->key_, self->upload_id(), number, source.key, source.etag,
                                                   offset, size);
      if (result) self->services_.metrics.parts_copied.Add();
      // A copy of the whole source has the source's checksum.
      if (result && !result->crc64 && offset == 0 && size == source.size) result->crc64 = source.crc64;
      self->CheckPart(result, number, size, std::nullopt);
      self->Finish(number, std::move(result));
      self->services_.activity.End();
    });
  });
}

void MultipartUpload::Finish(int number, Result<PartResult> result) {
  MutexLock lock(mutex_);
  running_.erase(number);
  if (result)
    parts_[number] = std::move(*result);
  else if (!failure_)
    failure_ = result.error();
  --outstanding_;
  changed_.NotifyAll();
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
      LogLimited(LogLevel::kWarning, StrCat("an upload of ", self->key_,
                                            " could not be aborted; the next start tries again: ", status.error().text));
  });
}

}  // namespace ossfs2
