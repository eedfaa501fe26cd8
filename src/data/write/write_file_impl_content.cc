// What the content of a WriteFileImpl becomes: begun, staged, stored provisionally, given up.
#include <algorithm>
#include <cerrno>
#include <utility>

#include "base/report/log.h"
#include "base/values/str.h"
#include "data/content/appendable_conversion.h"
#include "data/write/write_file_impl.h"

namespace ossfs2 {
namespace {

// A small object that is patched is loaded into memory instead of being staged.
constexpr uint64_t kLoadBytesMax = 1u << 20;

}  // namespace

void WriteFileImpl::DropContent() {
  stream_.reset();
  staged_.reset();
  append_.reset();
}

bool WriteFileImpl::DropCopy() {
  if (!stream_ || changed_ || provisional_ || !stream_->whole_in_memory()) return false;
  base_bytes_ = base_.size;
  stream_.reset();
  return true;
}

void WriteFileImpl::StartOver() {
  if (append_) {
    // The object has what was appended, published or not.
    base_ = append_->stored();
    exists_ = append_->exists();
  }
  DropContent();
  base_bytes_ = 0;
  changed_ = true;
}

std::unique_ptr<WriteStream> WriteFileImpl::NewStream(const WriteOptions& options) const {
  return std::make_unique<WriteStream>(services_, file_id_, base_.key, options);
}

void WriteFileImpl::GoOnBehindBase() {
  stream_ = NewStream(options_);
  stream_->SeedByCopy(base_);
}

// --- beginning ---

uint64_t WriteFileImpl::LoadBytesMax() const { return std::min(kLoadBytesMax, HeadCapacity()); }

bool WriteFileImpl::AtWholeBase() const { return AtRest() && exists_ && base_bytes_ == base_.size; }

Status WriteFileImpl::LoadBase() {
  auto stream = NewStream(options_);
  OSSFS2_RETURN_IF_ERROR(stream->SeedByDownload(base_));
  stream_ = std::move(stream);
  return {};
}

Status WriteFileImpl::BeginContent(uint64_t offset, uint64_t length) {
  if (detached()) return EnterStaged();
  const bool whole_base = AtWholeBase();
  if (services_.options.appendable && offset == base_bytes_ && (whole_base || !exists_)) {
    Result<bool> begun = BeginAppendable();
    if (!begun) return begun.error();
    if (*begun) return {};
  }
  if (base_bytes_ == 0) {
    stream_ = NewStream(options_);
    return {};
  }
  if (whole_base && offset == base_bytes_) {
    if (base_bytes_ < kPartBytesMin) return LoadBase();
    GoOnBehindBase();
    return {};
  }
  const bool small = base_bytes_ <= LoadBytesMax() && std::max(size(), offset + length) <= HeadCapacity();
  return whole_base && small ? LoadBase() : EnterStaged();
}

Result<bool> WriteFileImpl::BeginAppendable() {
  WriteOptions options = options_;
  if (!exists_) {
    options.forbid_overwrite = exclusive_;
    append_ = std::make_unique<WriteAppend>(services_, base_, false, options);
    return true;
  }
  Result<ObjectInfo> info = services_.store.Head(base_.key);
  if (!info) return info.error();
  ObjectVersion version = base_;
  if (info->type != ObjectType::kAppendable) {
    if (base_.size > services_.options.appendable_autoswitch_bytes) return false;
    Result<ObjectVersion> converted = ConvertToAppendable(services_, base_);
    if (!converted) return converted.error();
    version = base_ = *converted;
  } else if (info->etag != base_.etag) {
    return MakeError(ESTALE, ErrorKind::kVersionChanged, StrCat(base_.key, " was changed by somebody else"));
  }
  append_ = std::make_unique<WriteAppend>(services_, version, true, options);
  return true;
}

Status WriteFileImpl::EndAppendable() {
  Result<ObjectVersion> version = append_->Publish(append_->end());
  if (!version) return version.error();
  base_ = *version;
  base_bytes_ = base_.size;
  exists_ = true;
  append_.reset();
  return {};
}

// --- staging ---

Result<std::unique_ptr<WriteStaged>> WriteFileImpl::OpenStaged(const ObjectVersion& base, uint64_t base_bytes) const {
  return WriteStaged::Open(services_, file_id_, base_.key, base, base_bytes, size(), options_);
}

Status WriteFileImpl::EnterStaged() {
  if (append_) OSSFS2_RETURN_IF_ERROR(EndAppendable());
  if (stream_ && !stream_->Lossless()) OSSFS2_RETURN_IF_ERROR(StoreProvisionally());
  if (stream_) return StageStream(base_, stream_->seed_bytes());
  Result<std::unique_ptr<WriteStaged>> staged = OpenStaged(base_, base_bytes_);
  if (!staged) return staged.error();
  staged_ = std::move(*staged);
  if (detached()) staged_->Detach(base_);
  return {};
}

Status WriteFileImpl::StageStream(const ObjectVersion& base, uint64_t base_bytes) {
  Result<std::unique_ptr<WriteStaged>> staged = OpenStaged(base, base_bytes);
  if (!staged) return staged.error();
  OSSFS2_RETURN_IF_ERROR(stream_->EachResident([&staged](uint64_t offset, std::span<const std::byte> data) {
    return (*staged)->Write(offset, data);
  }));
  stream_.reset();
  staged_ = std::move(*staged);
  base_bytes_ = base_bytes;
  return {};
}

Status WriteFileImpl::StageRest() {
  ObjectVersion gone;
  gone.size = stream_->end();
  return StageStream(gone, gone.size);
}

Status WriteFileImpl::StageAppended() {
  const ObjectVersion& stored = append_->stored();
  Result<std::unique_ptr<WriteStaged>> staged = OpenStaged(stored, stored.size);
  if (!staged) return staged.error();
  uint64_t at = stored.size;
  for (const auto span : append_->Unstored()) {
    OSSFS2_RETURN_IF_ERROR((*staged)->Write(at, span));
    at += span.size();
  }
  base_ = stored;
  base_bytes_ = stored.size;
  exists_ = append_->exists();
  append_.reset();
  staged_ = std::move(*staged);
  return {};
}

// --- storing an unfinished file ---

Status WriteFileImpl::StoreProvisionally() {
  if (!provisional_) {
    std::optional<ObjectVersion> old_version;
    if (exists_) old_version = base_;
    Result<std::unique_ptr<Provisional>> begun =
        Provisional::Begin(services_.store, services_.journal, base_.key, old_version);
    if (!begun) return begun.error();
    provisional_ = std::move(*begun);
  }
  WriteStream::Publication publication;
  publication.size = stream_->end();
  publication.options = options_;
  publication.forbid_overwrite = MustBeNew();
  publication.before_complete = [this, &publication](const std::string& upload_id, std::optional<uint64_t> crc64) {
    return provisional_->BeforeComplete(upload_id, publication.size, crc64);
  };
  Result<WriteStream::Outcome> outcome = stream_->Publish(publication);
  if (!outcome) return outcome.error();
  const Status recorded = provisional_->Completed(outcome->result.etag);
  if (!recorded) Log(LogLevel::kWarning, recorded.error().text);
  provisional_options_ = outcome->stored_options;
  services_.metrics.provisional.Add();
  Adopt(outcome->result, publication.size);
  stream_.reset();
  return {};
}

Status WriteFileImpl::Compact() {
  OSSFS2_RETURN_IF_ERROR(StoreProvisionally());
  GoOnBehindBase();
  return {};
}

}  // namespace ossfs2
