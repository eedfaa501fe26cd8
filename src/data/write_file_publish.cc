// How a WriteFileImpl changes its state: to staged, to provisional, and to published.
#include <algorithm>
#include <cerrno>
#include <chrono>
#include <utility>

#include "base/log.h"
#include "base/str.h"
#include "data/write_file.h"
#include "data/write_operation.h"

namespace ossfs2 {
namespace {

// A file up to here stays in memory after its PUT: the next small change is one PUT again.
constexpr uint64_t kKeepBytesMax = 1u << 20;

bool SameOptions(const WriteOptions& a, const WriteOptions& b) {
  return a.metadata == b.metadata && a.content_type == b.content_type;
}

}  // namespace

// --- bringing the shared facts up to date ---

bool WriteFileImpl::HasWork() const {
  if (discarded_) return false;
  if (detached()) return staged_ || changed_ || !exists_;
  if (!exists_ || provisional_) return true;
  if (staged_) return staged_->dirty();
  if (append_) return append_->dirty() || size() != append_->end();
  return changed_;
}

void WriteFileImpl::Refresh() {
  uint64_t unpublished = 0;
  if (detached()) unpublished = 0;
  else if (staged_) unpublished = staged_->DirtyBytes();
  else if (stream_ && changed_) unpublished = stream_->end() - stream_->seed_bytes();
  else if (append_) unpublished = append_->end() - base_.size;
  unpublished_.store(unpublished, std::memory_order_relaxed);
  dirty_.store(HasWork(), std::memory_order_release);
}

void WriteFileImpl::NoteFailure(const Status& status) {
  if (status) return;
  // What can never be put right: parts that are lost, and a base that somebody replaced.
  const bool lost = (stream_ && !stream_->failure()) || (append_ && !append_->failure()) ||
                    ((stream_ || staged_) && status.error().kind == ErrorKind::kVersionChanged);
  if (lost) Stick(stream_ && !stream_->failure() ? stream_->failure().error() : status.error());
}

void WriteFileImpl::Stick(const Error& error) {
  MutexLock lock(sticky_mutex_);
  if (!sticky_) return;
  sticky_ = error;
  failed_.store(true, std::memory_order_release);
  services_.metrics.stuck_errors.Add();
  Log(LogLevel::kError, StrCat(base_.key, ": writing failed for good: ", sticky_.error().ToString()));
}

// --- leaving the stream ---

Status WriteFileImpl::EnterStaged() {
  if (append_) {
    Result<ObjectVersion> version = append_->Publish(append_->end());
    if (!version) return version.error();
    base_ = *version;
    base_bytes_ = base_.size;
    exists_ = true;
    append_.reset();
  }
  if (stream_ && !stream_->Lossless()) OSSFS2_RETURN_IF_ERROR(StoreProvisionally());
  if (stream_) return StageStream();
  Result<std::unique_ptr<WriteStaged>> staged =
      WriteStaged::Open(services_, file_id_, base_.key, base_, base_bytes_, size(), options_);
  if (!staged) return staged.error();
  staged_ = std::move(*staged);
  if (detached()) staged_->Detach(base_);
  return {};
}

Status WriteFileImpl::StageStream() {
  const uint64_t base_bytes = stream_->seed_bytes();
  const uint64_t size = this->size();
  Result<std::unique_ptr<WriteStaged>> staged =
      WriteStaged::Open(services_, file_id_, base_.key, base_, base_bytes, size, options_);
  if (!staged) return staged.error();
  OSSFS2_RETURN_IF_ERROR(stream_->EachResident([&staged](uint64_t offset, std::span<const std::byte> data) {
    return (*staged)->Write(offset, data);
  }));
  stream_.reset();
  staged_ = std::move(*staged);
  base_bytes_ = base_bytes;
  return {};
}

Status WriteFileImpl::StoreProvisionally() {
  if (!provisional_) {
    std::optional<ObjectVersion> old_version;
    if (exists_) old_version = base_;
    Result<std::unique_ptr<Provisional>> begun = Provisional::Begin(services_, base_.key, old_version);
    if (!begun) return begun.error();
    provisional_ = std::move(*begun);
  }
  WriteStream::Publication publication;
  publication.size = stream_->end();
  publication.options = options_;
  publication.forbid_overwrite = exclusive_ && !exists_;
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
  stream_ = std::make_unique<WriteStream>(services_, file_id_, base_.key, options_);
  stream_->SeedByCopy(base_);
  return {};
}

// --- publishing ---

Published WriteFileImpl::Adopt(const WriteResult& result, uint64_t size) {
  base_.size = size;
  base_.etag = result.etag;
  base_.crc64 = result.crc64;
  base_bytes_ = size;
  exists_ = true;
  changed_ = this->size() != size;
  return {base_, result.mtime_s, true};
}

void WriteFileImpl::FixOptions(Published& published, const WriteOptions& stored, const WriteOptions& wanted) {
  if (SameOptions(stored, wanted)) return;
  CopyRequest request;
  request.source_key = request.target_key = base_.key;
  request.source_etag = base_.etag;
  request.replace = wanted;
  request.replace->forbid_overwrite = false;
  Result<WriteResult> copied = services_.store.Copy(request);
  if (!copied) {
    LogLimited(LogLevel::kWarning,
               StrCat(base_.key, ": stored, but without its attributes: ", copied.error().ToString()));
    return;
  }
  base_.etag = copied->etag;
  published.version = base_;
  if (copied->mtime_s != 0) published.mtime_s = copied->mtime_s;
}

Result<Published> WriteFileImpl::Publish(const WriteOptions& options) {
  Operation operation(*this);
  return PublishTurn(options, false);
}

Result<Published> WriteFileImpl::Sync(const WriteOptions& options) {
  Operation operation(*this);
  return PublishTurn(options, true);
}

uint64_t WriteFileImpl::WrittenEnd() const {
  if (staged_) return staged_->WrittenEnd();
  if (append_) return append_->end();
  return stream_ ? stream_->end() : base_bytes_;
}

Result<Published> WriteFileImpl::PublishTurn(const WriteOptions& options, bool sync) {
  if (failed_.load(std::memory_order_acquire)) return sticky_error().error();
  if (detached() || !HasWork()) return Published{base_, 0, false};
  const uint64_t written_end = std::min(WrittenEnd(), size());
  const uint64_t size_wanted = sync ? written_end : size();
  if (sync && !provisional_) {
    // Only space was allocated since the last time: no byte that anybody wrote is missing.
    const bool at_rest = !stream_ && !staged_ && !append_;
    const bool only_space = staged_ ? !staged_->data_changed() : at_rest && base_bytes_ == base_.size;
    if (only_space && (exists_ || size() > 0) && written_end < size()) return Published{base_, 0, false};
  }
  const auto start = std::chrono::steady_clock::now();
  Result<Published> published = Store(size_wanted, options);
  services_.metrics.publish_time.Observe(std::chrono::steady_clock::now() - start);
  if (!published) {
    NoteFailure(published.error());
    return published;
  }
  if (provisional_) {
    provisional_->Settle();
    provisional_.reset();
  }
  return published;
}

Result<Published> WriteFileImpl::Store(uint64_t size, const WriteOptions& options) {
  if (append_) return StoreAppend(size);
  if (staged_) {
    if (exists_ && provisional_ && !staged_->dirty()) {
      Published published{base_, 0, true};
      FixOptions(published, provisional_options_, options);
      return published;
    }
    return StoreStaged(size, options);
  }
  if (!stream_) {
    if (provisional_ && exists_ && base_bytes_ == base_.size && size == base_.size) {
      Published published{base_, 0, true};
      FixOptions(published, provisional_options_, options);
      return published;
    }
    if (base_bytes_ > 0 && base_bytes_ < base_.size) {
      OSSFS2_RETURN_IF_ERROR(EnterStaged());
      return StoreStaged(size, options);
    }
    // New, emptied, or longer by allocated space.
    auto stream = std::make_unique<WriteStream>(services_, file_id_, base_.key, options);
    if (base_bytes_ >= kPartBytesMin)
      stream->SeedByCopy(base_);
    else if (base_bytes_ > 0)
      OSSFS2_RETURN_IF_ERROR(stream->SeedByDownload(base_));
    stream_ = std::move(stream);
  }
  return StoreStream(size, options);
}

Result<Published> WriteFileImpl::StoreStream(uint64_t size, const WriteOptions& options) {
  WriteStream::Publication publication;
  publication.size = size;
  publication.options = options;
  publication.forbid_overwrite = options.forbid_overwrite || (exclusive_ && !exists_);
  std::string tail = size == stream_->end() ? stream_->Tail() : std::string();
  Result<WriteStream::Outcome> outcome = stream_->Publish(publication);
  if (!outcome) return outcome.error();
  (outcome->multipart ? services_.metrics.published_multipart : services_.metrics.published_put).Add();
  Published published = Adopt(outcome->result, size);
  const bool keep = !outcome->multipart && stream_->end() == size && size <= kKeepBytesMax && size > 0;
  if (!keep) stream_.reset();
  FixOptions(published, outcome->stored_options, options);
  published.tail = std::move(tail);
  return published;
}

Result<Published> WriteFileImpl::StoreStaged(uint64_t size, const WriteOptions& options) {
  WriteStaged::Publication publication;
  publication.size = size;
  publication.options = options;
  publication.forbid_overwrite = options.forbid_overwrite || (exclusive_ && !exists_);
  Result<WriteStaged::Outcome> outcome = staged_->Publish(publication);
  if (!outcome) return outcome.error();
  services_.metrics.published_staged.Add();
  Published published = Adopt(outcome->result, size);
  FixOptions(published, outcome->stored_options, options);
  if (size == staged_->size()) published.tail = staged_->Tail();
  staged_->Rebase(base_);
  return published;
}

Result<Published> WriteFileImpl::StoreAppend(uint64_t size) {
  Result<ObjectVersion> version = append_->Publish(size);
  if (!version) return version.error();
  WriteResult result;
  result.etag = version->etag;
  result.crc64 = version->crc64;
  result.mtime_s = append_->mtime_s();
  return Adopt(result, version->size);
}

}  // namespace ossfs2
