#include "data/write/write_file_impl.h"

#include <algorithm>
#include <cerrno>
#include <utility>

#include "base/report/log.h"
#include "base/values/size.h"
#include "base/values/str.h"
#include "data/content/fetch_range.h"
#include "data/write/write_file_impl_operation.h"

namespace ossfs2 {
namespace {
constexpr size_t kPieceBytes = 1u << 20;
}

WriteFileImpl::WriteFileImpl(WriteServices& services, SeamBudget& seams, WriteTarget target)
    : services_(services),
      file_id_(target.file_id),
      base_(std::move(target.base)),
      exists_(target.exists),
      exclusive_(target.exclusive),
      base_bytes_(target.exists ? base_.size : 0),
      seams_(seams),
      size_(base_bytes_),
      dirty_(!target.exists) {
  if (!exists_) base_.size = 0;
}

WriteFileImpl::~WriteFileImpl() {
  DropContent();
  // Never finished, and not discarded because the engine goes down: the old version comes back.
  if (provisional_)
    services_.CleanUp([left = std::shared_ptr<Provisional>(std::move(provisional_))] { left->Undo(); });
  if (parking_) services_.CleanUp([left = std::shared_ptr<Parking>(std::move(parking_))] { left->End(); });
}

void WriteFileImpl::NoteFailure(const Status& status) {
  if (status) return;
  // What can never be put right: parts that are lost, and a base that somebody replaced.
  const bool lost = (stream_ && !stream_->failure()) || (append_ && !append_->failure()) ||
                    ((stream_ || staged_) && status.error().kind == ErrorKind::kVersionChanged);
  if (lost) Stick(stream_ && !stream_->failure() ? stream_->failure().error() : status.error());
}

void WriteFileImpl::Stick(const Error& error) {
  if (!sticky_.Set(error)) return;
  services_.metrics.stuck_errors.Add();
  Log(LogLevel::kError, StrCat(base_.key, ": writing failed for good: ", error.ToString()));
}

Error WriteFileImpl::TooLarge() const {
  return MakeError(EFBIG, ErrorKind::kInvalid,
                   StrCat(base_.key, ": an object may have at most ", FormatSize(kObjectBytesMax)));
}

// --- writing ---

Result<bool> WriteFileImpl::TryWrite(uint64_t offset, std::span<const std::byte> data, WritePlace place) {
  if (auto error = sticky_.Get()) return std::move(*error);
  if (!turn_.TryAcquire()) return false;
  Operation operation(*this, std::adopt_lock);
  if (place == WritePlace::kEnd) offset = size();
  if (data.empty()) return true;
  if (!FitsObject(offset, data.size())) return TooLarge();
  Result<bool> taken = TryWritePiece(offset, data);
  NotePiece(offset, data, taken);
  if (taken && !*taken) return taken;
  if (!taken) {
    NoteFailure(taken.error());
    return taken;
  }
  operation.Wrote(offset, data.size());
  return true;
}

Result<bool> WriteFileImpl::TryWritePiece(uint64_t offset, std::span<const std::byte> data, BlockRef* filled) {
  if (append_) return offset == append_->end() && append_->Fits(data.size()) && append_->TryAppend(data);
  if (staged_) {
    if (staged_->HasTooManyExtents()) return false;
    OSSFS2_RETURN_IF_ERROR(staged_->Write(offset, data));  // into the page cache of a local disk
    return true;
  }
  if (!stream_) {
    if (base_bytes_ != 0 || offset != 0 || services_.options.appendable || detached()) return false;
    stream_ = NewStream(options_);
  }
  if (offset == stream_->end()) return stream_->TryAppend(data, filled);
  if (offset + data.size() > stream_->end()) return false;
  return stream_->TryPatch(offset, data);
}

Status WriteFileImpl::Write(uint64_t offset, std::span<const std::byte> data, WritePlace place) {
  Operation operation(*this);
  if (auto error = sticky_.Get()) return std::move(*error);
  if (place == WritePlace::kEnd) offset = size();
  if (!FitsObject(offset, data.size())) return TooLarge();
  while (!data.empty()) {
    const auto piece = data.first(std::min(data.size(), kPieceBytes));
    const Status status = WritePiece(offset, piece);
    NotePiece(offset, piece, status ? Result<bool>(true) : Result<bool>(status.error()));
    if (!status) {
      NoteFailure(status);
      return status;
    }
    operation.Wrote(offset, piece.size());
    offset += piece.size();
    data = data.subspan(piece.size());
  }
  return {};
}

void WriteFileImpl::NotePiece(uint64_t offset, std::span<const std::byte> data, const Result<bool>& taken) {
  if (!taken) return seams_.Drop(offset, offset + data.size());  // some of it may have been changed all the same
  if (*taken) seams_.Note(offset, data);
}

Status WriteFileImpl::WritePiece(uint64_t offset, std::span<const std::byte> data, size_t more) {
  if (AtRest()) OSSFS2_RETURN_IF_ERROR(BeginContent(offset, data.size()));
  if (append_) {
    if (offset == append_->end() && append_->Fits(data.size())) return append_->Append(data);
    // Anything else makes it a normal object again; what was appended is its base.
    OSSFS2_RETURN_IF_ERROR(EndAppendable());
    if (offset == base_.size) GoOnBehindBase();
  }
  if (stream_) {
    Result<bool> taken = WriteToStream(offset, data, more);
    if (!taken) return taken.error();
    if (*taken) return {};
  }
  if (!staged_) OSSFS2_RETURN_IF_ERROR(EnterStaged());
  OSSFS2_RETURN_IF_ERROR(staged_->JoinExtents());
  return staged_->Write(offset, data);
}

Result<bool> WriteFileImpl::WriteToStream(uint64_t offset, std::span<const std::byte> data, size_t more) {
  if (stream_->OutOfNumbers()) OSSFS2_RETURN_IF_ERROR(Compact());
  const uint64_t end = stream_->end();
  if (offset <= end) {
    const size_t inside = static_cast<size_t>(std::min<uint64_t>(data.size(), end - offset));
    if (inside > 0 && !stream_->CanPatch(offset, inside)) return false;
    if (inside > 0) OSSFS2_RETURN_IF_ERROR(stream_->Patch(offset, data.first(inside)));
    OSSFS2_RETURN_IF_ERROR(stream_->Append(data.subspan(inside), more));
    return true;
  }
  // A small file, in any order.
  const bool small = std::max(size(), offset + data.size()) <= HeadCapacity();
  if (!small || !stream_->CanPatch(offset, data.size())) return false;
  OSSFS2_RETURN_IF_ERROR(stream_->Patch(offset, data));
  return true;
}

Result<bool> WriteFileImpl::CopyRange(const ObjectVersion& source, uint64_t source_offset, uint64_t offset,
                                      uint64_t length) {
  Operation operation(*this);
  if (auto error = sticky_.Get()) return std::move(*error);
  if (detached()) return false;
  if (length < kPartBytesMin || source_offset + length > source.size || !FitsObject(offset, length)) return false;
  if (AtRest() && offset == base_bytes_ && !services_.options.appendable)
    if (Status status = BeginContent(offset, length); !status) return status.error();
  if (!stream_ || offset != stream_->end()) return false;
  seams_.Drop(offset, offset + length);
  Result<bool> copied = stream_->AppendCopy(source, source_offset, length);
  if (copied && *copied) operation.Wrote(offset, length);
  return copied;
}

// --- reading ---

Result<size_t> WriteFileImpl::Read(uint64_t offset, std::span<std::byte> out) {
  Operation operation(*this);
  if (content_lost_) return sticky_.Get().value_or(MakeError(EIO, ErrorKind::kOther, "the content is lost"));
  if (offset >= size()) return size_t{0};
  out = out.first(static_cast<size_t>(std::min<uint64_t>(out.size(), size() - offset)));
  const size_t count = out.size();
  if (!staged_) {
    const uint64_t end = stream_ ? stream_->end() : append_ ? append_->end() : base_bytes_;
    const auto stored = out.first(static_cast<size_t>(offset >= end ? 0 : std::min<uint64_t>(count, end - offset)));
    std::fill(out.begin() + static_cast<std::ptrdiff_t>(stored.size()), out.end(), std::byte{});
    if (stored.empty()) return count;
    Status status;
    if (append_) {
      status = append_->Read(offset, stored);
    } else if (!stream_) {
      status = FetchRange(services_.store, base_, offset, stored);
    } else {
      Result<bool> there = stream_->Read(offset, stored);
      if (there && *there) return count;
      status = there ? EnterStaged() : Status(there.error());
    }
    if (!status) {
      NoteFailure(status);
      return status.error();
    }
    if (!staged_) return count;
  }
  if (Status status = staged_->Read(offset, out); !status) return status.error();
  return count;
}

// --- options, giving up ---

void WriteFileImpl::SetOptions(const WriteOptions& options) {
  Operation operation(*this);
  options_ = options;
  options_.forbid_overwrite = false;
}

void WriteFileImpl::Discard() {
  Operation operation(*this);
  DropContent();
  if (provisional_) {
    provisional_->Undo();
    provisional_.reset();
    GiveUp();
  }
  base_bytes_ = exists_ ? base_.size : 0;
  size_.store(base_bytes_, std::memory_order_release);
  seams_.Clear();
  changed_ = false;
  discarded_ = true;
  sticky_.Clear();
}

void WriteFileImpl::Rebind(const ObjectVersion& version, bool exists) {
  Operation operation(*this);
  if (detached()) return;
  if (version.etag != base_.etag || version.size != base_.size) seams_.Clear();  // maybe not the same bytes
  if (dirty() && !discarded_) {
    // Unpublished bytes go to the new name at Publish, unless an upload is open under the old one.
    if (stream_ || staged_ || append_) return;
    base_.key = version.key;
    if (exists && version.size == base_.size) base_ = version;
    return;
  }
  DropContent();
  base_ = version;
  exists_ = exists;
  if (!exists_) base_.size = 0;
  base_bytes_ = exists_ ? base_.size : 0;
  size_.store(base_bytes_, std::memory_order_release);
  changed_ = false;
}

uint64_t WriteFileImpl::ReleaseMemory(Release how) {
  if (!turn_.TryAcquire()) return 0;
  Operation operation(*this, std::adopt_lock);
  if (append_) return FlushSoon();
  if (!stream_) return 0;
  const uint64_t bytes = stream_->MemoryBytes();
  if (!DropCopy()) stream_->ReleaseMemory(how);
  return bytes;
}

// Whoever asks for memory must not wait for the network.
uint64_t WriteFileImpl::FlushSoon() {
  const uint64_t bytes = append_->MemoryBytes();
  if (bytes == 0 || sticky_.set() || flushing_.exchange(true)) return 0;
  services_.Background([self = shared_from_this()] {
    self->flushing_.store(false);
    // Whoever has the turn now may wait for memory itself, and does this then.
    if (!self->turn_.TryAcquire()) return;
    Operation operation(*self, std::adopt_lock);
    if (self->append_ && self->append_->MemoryBytes() > 0 && !self->sticky_.set())
      self->NoteFailure(self->append_->Flush());
  });
  return bytes;
}

void WriteFileImpl::Refuse() {
  sticky_.Set(MakeError(EIO, ErrorKind::kCanceled, "the file system was shut down"));
}

void WriteFileImpl::Abandon() {
  Operation operation(*this);
  DropContent();
}

}  // namespace ossfs2
