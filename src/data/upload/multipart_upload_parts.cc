// The parts of a MultipartUpload: how they are sent and copied, and what becomes of them.
#include <cerrno>
#include <utility>

#include "base/values/crc64.h"
#include "base/values/str.h"
#include "data/upload/multipart_upload.h"
#include "data/upload/upload_zeros.h"

namespace ossfs2 {

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
    UploadServices& services = self->services_;
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
    UploadServices& services = services_;
    done();
    Finish(number, std::move(*refusal));
    services.activity.End();
    return;
  }
  services_.upload_metrics.in_flight.Add(1);
  const std::optional<uint64_t> crc = body.crc64;
  {
    MutexLock lock(mutex_);
    running_[number] = nullptr;
  }
  auto call = services_.store.UploadPartAsync(
      key_, upload_id(), number, std::move(body),
      [self = shared_from_this(), number, size, crc, memory = std::move(memory),
       done = std::move(done)](Result<PartResult> result) mutable {
        UploadServices& services = self->services_;
        memory.reset();  // before anybody who waits for memory or for the part is woken
        services.upload_metrics.in_flight.Add(-1);
        if (result) services.upload_metrics.parts_uploaded.Add();
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
                       StrCat("part ", number, " of ", key_,
                              " arrived damaged (CRC64 differs); nothing was published"));
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
      if (result) self->services_.upload_metrics.parts_copied.Add();
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

}  // namespace ossfs2
