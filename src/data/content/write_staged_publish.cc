// How a WriteStaged becomes an object: one PUT, or the parts of its plan.
#include <algorithm>
#include <cerrno>
#include <utility>

#include "base/values/crc64.h"
#include "base/values/str.h"
#include "data/content/write_staged.h"
#include "data/upload/put_object.h"
#include "data/upload/upload_zeros.h"

namespace ossfs2 {
namespace {
// Up to here, fetching the clean bytes and one PUT beat the five requests of a multipart upload.
constexpr uint64_t kFetchAndPutBytes = 1u << 20;

// Not this object's: it is appendable, and the bucket keeps versions.
bool IsCopyRefused(const Error& error) { return error.oss_code == "OperationNotSupported"; }
}  // namespace

MultipartUpload& WriteStaged::Upload() {
  if (upload_ && !upload_->ClearFailure()) {
    upload_->Abort();
    upload_.reset();
    early_.clear();
  }
  if (!upload_) upload_ = MultipartUpload::Begin(services_, owner_, key_, options_);
  return *upload_;
}

std::vector<ContentRun> WriteStaged::ContentRuns(uint64_t begin, uint64_t end) const {
  std::vector<ContentRun> runs;
  const auto add = [&runs](uint64_t from, uint64_t to, ContentKind kind) {
    if (from < to) runs.push_back({from, to, kind});
  };
  for (const ExtentMap::Run& run : extents_.Runs(begin, end)) {
    if (run.kind == ExtentKind::kData) {
      add(run.begin, run.end, ContentKind::kDirty);
    } else if (run.kind == ExtentKind::kZero) {
      add(run.begin, run.end, ContentKind::kZero);
    } else {
      const uint64_t border = std::clamp(base_bytes_, run.begin, run.end);
      add(run.begin, border, copies_refused_ ? ContentKind::kDirty : ContentKind::kClean);
      add(border, run.end, ContentKind::kZero);
    }
  }
  return runs;
}

bool WriteStaged::FitsOnePut(uint64_t size) const {
  if (size == 0) return true;  // no upload is completed without parts
  if (upload_ || size > services_.part_bytes) return false;
  if (size <= kFetchAndPutBytes) return true;
  for (const ExtentMap::Run& run : extents_.Runs(0, std::min(size, base_bytes_)))
    if (!run.kind) return false;
  return true;
}

Result<WriteStaged::Outcome> WriteStaged::PublishByPut(const Publication& publication) {
  UploadBody body;
  std::shared_ptr<PartBuffer> buffer;
  if (publication.size > 0) {
    Result<std::shared_ptr<PartBuffer>> loaded = Load(0, publication.size);
    if (!loaded) return loaded.error();
    buffer = std::move(*loaded);
    body.spans = buffer->Spans();
  }
  if (services_.options.check_crc64) body.crc64 = buffer ? buffer->Crc() : 0;
  const std::optional<uint64_t> crc = body.crc64;
  WriteOptions options = publication.options;
  options.forbid_overwrite = publication.forbid_overwrite;
  Result<WriteResult> result = PutObject(services_, owner_, key_, std::move(body), options);
  if (!result) return result.error();
  if (!result->crc64) result->crc64 = crc;
  return Outcome{std::move(*result), publication.options};
}

Status WriteStaged::SendRange(const PlanPart& part) {
  const uint64_t size = part.end - part.begin;
  // The cells of very large files are more than the pool may lend at once.
  if (size > UsablePartBytes(size, services_.pool.limit_bytes())) return SendMapped(part);
  Result<std::shared_ptr<PartBuffer>> buffer = Load(part.begin, part.end);
  if (!buffer) return buffer.error();
  upload_->Send(part.number, std::move(*buffer));
  return {};
}

Status WriteStaged::SendMapped(const PlanPart& part) {
  for (const ExtentMap::Run& run : extents_.Runs(part.begin, std::min(part.end, base_bytes_)))
    if (!run.kind) OSSFS2_RETURN_IF_ERROR(FetchMissing(run.begin, run.end));
  for (const ExtentMap::Run& run : extents_.Runs(part.begin, std::min(part.end, base_bytes_)))
    if (!run.kind)
      return MakeError(ENOSPC, ErrorKind::kNoSpace,
                       StrCat(key_, ": no room in the staging folder for the unchanged bytes of a part"));
  Result<std::shared_ptr<const StagingFile::Mapping>> mapping = file_->Map(part.begin, part.end - part.begin);
  if (!mapping) return mapping.error();
  upload_->SendMemory(part.number, (*mapping)->bytes(), *mapping);
  return {};
}

Status WriteStaged::SendPlan(const std::vector<PlanPart>& plan) {
  for (const PlanPart& part : plan) {
    const uint64_t size = part.end - part.begin;
    switch (part.action) {
      case PlanAction::kReuse:
        break;
      case PlanAction::kZeros:
        upload_->SendZeros(part.number, size);
        break;
      case PlanAction::kCopy:
        upload_->Copy(part.number, base_, part.begin, size);
        break;
      case PlanAction::kSend:
        OSSFS2_RETURN_IF_ERROR(SendRange(part));
        break;
    }
  }
  return {};
}

Result<WriteStaged::Outcome> WriteStaged::PublishByParts(const Publication& publication) {
  // What went early and failed is sent again; nothing may be on its way when a number is used anew.
  if (upload_) (void)upload_->Wait();
  if (Status opened = Upload().Wait(); !opened) return opened.error();
  PlanInput input;
  input.size = publication.size;
  input.runs = [this](uint64_t begin, uint64_t end) { return ContentRuns(begin, end); };
  input.sent_early = [this](size_t cell) {
    const auto found = early_.find(cell);
    if (found == early_.end() || found->second != Generation(cell)) return false;
    const std::optional<PartResult> part = upload_->Part(services_.cells.FirstNumber(cell));
    return part && part->size == services_.cells.End(cell) - services_.cells.Begin(cell);
  };
  const std::vector<PlanPart> plan = PlanPublication(services_.cells, input);
  // From here on the parts of changed cells are replaced: a repetition must not take them for early ones.
  for (const PlanPart& part : plan)
    if (part.action != PlanAction::kReuse) early_.erase(services_.cells.IndexOf(part.begin));
  const Status sent = SendPlan(plan);
  if (Status status = upload_->Wait(); !sent || !status) return !sent ? sent.error() : status.error();

  std::vector<int> numbers;
  numbers.reserve(plan.size());
  for (const PlanPart& part : plan) numbers.push_back(part.number);
  Result<WriteResult> result =
      upload_->Complete(numbers, upload_->CombinedCrc(numbers), publication.forbid_overwrite);
  if (!result) {
    if (result.error().kind == ErrorKind::kNotFound) {  // the upload is gone; the data is not
      upload_->Abort();
      upload_.reset();
      early_.clear();
    }
    return result.error();
  }
  Outcome outcome{std::move(*result), upload_->options()};
  upload_.reset();
  early_.clear();
  generations_.clear();
  return outcome;
}

Result<WriteStaged::Outcome> WriteStaged::Publish(const Publication& publication) {
  if (FitsOnePut(publication.size)) return PublishByPut(publication);
  Result<Outcome> outcome = PublishByParts(publication);
  if (outcome || copies_refused_ || !IsCopyRefused(outcome.error())) return outcome;
  copies_refused_ = true;  // what would have been copied is fetched and sent
  return PublishByParts(publication);
}

void WriteStaged::Rebase(const ObjectVersion& base) {
  base_ = base;
  base_bytes_ = base.size;
  copies_refused_ = false;
  extents_.MarkClean();
  CountExtents();
  changed_ = size_ != base.size;
  data_changed_ = false;
}

}  // namespace ossfs2
