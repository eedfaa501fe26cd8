#include "fs/shared/store_calls.h"

#include <algorithm>
#include <cerrno>
#include <memory>
#include <vector>

#include "base/threads/awaited.h"
#include "base/threads/mutex.h"
#include "base/values/str.h"
#include "fs/shared/parallel.h"
#include "oss/copy_options.h"

namespace ossfs2 {
namespace {

uint64_t PartBytes(const CopyJob& job) {
  const uint64_t least = (job.size + kPartsMax - 1) / kPartsMax;
  return std::max(job.part_bytes_min, least);
}

// A part copy takes nothing along.
Result<WriteOptions> PartCopyOptions(ObjectStore& store, const CopyJob& job) {
  const Result<ObjectInfo> head = store.Head(job.source_key);
  if (!head) return head.error();
  Result<WriteOptions> options = oss::CopyOptionsOf(store, *head);
  if (!options) return options;
  if (job.replace) {
    options->metadata = job.replace->metadata;
    options->content_type = job.replace->content_type;
    options->serving = job.replace->serving;
  }
  options->forbid_overwrite = job.forbid_overwrite;
  return options;
}

// The ETag of what an upload made that was completed and then found wrong: that answer had none.
std::optional<std::string> CompletedAs(ObjectStore& store, const CopyJob& job, size_t parts) {
  Result<ObjectInfo> head = store.Head(job.target_key);
  if (!head || head->size != job.size || head->type != ObjectType::kMultipart) return std::nullopt;
  if (!head->etag.ends_with(StrCat("-", parts))) return std::nullopt;
  return std::move(head->etag);
}

Result<WriteResult> CopyInParts(ObjectStore& store, Executor& executor, const CopyJob& job,
                                std::optional<std::string>& unproven) {
  Result<WriteOptions> options = PartCopyOptions(store, job);
  if (!options) return options.error();
  Result<std::string> upload = store.InitiateUpload(job.target_key, *options);
  if (!upload) return upload.error();
  const uint64_t part_bytes = PartBytes(job);
  const size_t count = static_cast<size_t>((job.size + part_bytes - 1) / part_bytes);
  std::vector<PartResult> parts(count);
  Mutex mutex;
  std::optional<Error> failed;
  RunParallel(executor, count, static_cast<size_t>(job.part_concurrency), [&](size_t i) {
    {
      MutexLock lock(mutex);
      if (failed) return;
    }
    const uint64_t offset = i * part_bytes;
    Result<PartResult> part =
        store.CopyPart(job.target_key, *upload, static_cast<int>(i + 1), job.source_key, job.source_etag,
                       offset, std::min(part_bytes, job.size - offset));
    MutexLock lock(mutex);
    if (part) {
      parts[i] = *part;
    } else if (!failed) {
      failed = part.error();
    }
  });
  if (!failed) {
    Result<WriteResult> done =
        store.CompleteUpload(job.target_key, *upload, parts, job.crc64, job.forbid_overwrite);
    if (done) return done;
    failed = done.error();
    if (failed->kind == ErrorKind::kCorrupt) unproven = CompletedAs(store, job, count);
  }
  (void)store.AbortUpload(job.target_key, *upload);
  return *failed;
}

// What a copy would lose; and a CRC64 to prove it by.
Status LearnSource(ObjectStore& store, CopyJob& job) {
  if (job.encryption || store.HasOwnEncryption()) return {};
  Result<ObjectInfo> head = store.Head(job.source_key);
  if (!head) return head.error();
  job.encryption = head->encryption;
  if (!job.crc64 && head->etag == job.source_etag) job.crc64 = head->crc64;
  return {};
}

// Of the very version that was copied. A copy onto itself has replaced it.
std::optional<uint64_t> CrcOfSource(ObjectStore& store, const CopyJob& job) {
  if (job.crc64 || job.source_etag.empty() || job.source_key == job.target_key) return job.crc64;
  const Result<ObjectInfo> head = store.Head(job.source_key);
  if (!head || head->etag != job.source_etag) return std::nullopt;
  return head->crc64;
}

Error DamagedCopy(const CopyJob& job, const std::string& what) {
  return MakeError(EIO, ErrorKind::kCorrupt,
                   StrCat("The copy of ", job.source_key, " to ", job.target_key, " has ", what,
                          "; the source was kept."));
}

Result<WriteResult> Prove(ObjectStore& store, const CopyJob& job, WriteResult result) {
  const auto other_crc = [&] { return DamagedCopy(job, "another CRC64"); };
  if (job.crc64 && result.crc64 && *job.crc64 != *result.crc64) return other_crc();
  if (job.crc64 && result.crc64) return result;
  if (!result.etag.empty() && result.etag == job.source_etag) return result;
  const std::optional<uint64_t> crc = CrcOfSource(store, job);
  if (crc && result.crc64 && *crc != *result.crc64) return other_crc();
  if (crc && result.crc64) return result;
  Result<ObjectInfo> head = store.Head(job.target_key);
  if (!head) return head.error();
  if (head->size != job.size) return DamagedCopy(job, StrCat(head->size, " bytes instead of ", job.size));
  if (crc && head->crc64 && *crc != *head->crc64) return other_crc();
  result.etag = head->etag;
  result.crc64 = head->crc64;
  return result;
}

}  // namespace

Status ProbeRead(ObjectStore& store, const std::string& key, const std::string& etag) {
  class OneByte final : public DataSink {
   public:
    std::span<std::byte> NextBuffer() override { return {&byte_, 1}; }
    void OnBytes(size_t) override {}

   private:
    std::byte byte_{};
  };
  const auto answer = std::make_shared<Awaited<Status>>();
  const auto call = store.GetAsync({key, 0, 1, etag}, std::make_shared<OneByte>(),
                                   [answer](Status status) { answer->Set(std::move(status)); });
  return answer->Take();
}

Result<WriteResult> PutEmpty(ObjectStore& store, const std::string& key, const WriteOptions& options) {
  const auto answer = std::make_shared<Awaited<Result<WriteResult>>>();
  UploadBody body;
  body.crc64 = 0;
  const auto call = store.PutAsync(key, std::move(body), options,
                                   [answer](Result<WriteResult> result) { answer->Set(std::move(result)); });
  return answer->Take();
}

namespace {

// Some buckets refuse copies above 1 GB (another storage class or encryption), and of appendable objects where versions
// are kept. Onto itself such an object stays as it is: parts would make it one to which nobody can append.
bool PartsMayDo(const CopyJob& job, const Error& error) {
  if (error.kind != ErrorKind::kInvalid) return false;
  if (error.oss_code == "OperationNotSupported") return job.size > 0 && job.source_key != job.target_key;
  return job.size >= (1ull << 30);
}

// A copy or the error; what was made in spite of an error goes to `unproven`.
Result<WriteResult> CopyAndProve(ObjectStore& store, Executor& executor, CopyJob job,
                                 std::optional<std::string>& unproven) {
  OSSFS2_RETURN_IF_ERROR(LearnSource(store, job));
  std::optional<Result<WriteResult>> copied;
  if (job.size <= job.whole_bytes_max) {
    CopyRequest request;
    request.source_key = job.source_key;
    request.source_etag = job.source_etag;
    request.target_key = job.target_key;
    request.forbid_overwrite = job.forbid_overwrite;
    request.replace = job.replace;
    request.encryption = job.encryption.value_or(Encryption{});
    if (request.replace) request.replace->encryption = request.encryption;
    copied = store.Copy(request);
    if (!*copied && PartsMayDo(job, copied->error())) copied.reset();
  }
  if (!copied) copied = CopyInParts(store, executor, job, unproven);
  if (!*copied) return std::move(*copied);
  std::string etag = (*copied)->etag;
  Result<WriteResult> proven = Prove(store, job, std::move(**copied));
  if (!proven) unproven = std::move(etag);
  return proven;
}

}  // namespace

Result<WriteResult> CopyVerified(ObjectStore& store, Executor& executor, const CopyJob& job,
                                 std::optional<std::string>* unproven) {
  std::optional<std::string> made;
  Result<WriteResult> copied = CopyAndProve(store, executor, job, made);
  if (unproven != nullptr) *unproven = std::move(made);
  return copied;
}

Result<bool> DeleteVersion(ObjectStore& store, const std::string& key, const std::string& etag) {
  const Result<ObjectInfo> head = store.Head(key);
  if (!head && head.error().kind == ErrorKind::kNotFound) return false;
  if (!head) return head.error();
  if (head->etag != etag) return false;
  OSSFS2_RETURN_IF_ERROR(store.Delete(key));
  return true;
}

}  // namespace ossfs2
