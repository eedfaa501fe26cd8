#include "data/write_file.h"

#include <linux/falloc.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "base/size.h"
#include "base/str.h"
#include "data/write_landing.h"
#include "data/write_operation.h"
#include "data/write_transfer.h"

namespace ossfs2 {
namespace {

constexpr size_t kPieceBytes = 1u << 20;
// A small object that is patched is loaded into memory instead of being staged.
constexpr uint64_t kLoadBytesMax = 1u << 20;

Error TooLarge(const std::string& key) {
  return MakeError(EFBIG, ErrorKind::kInvalid,
                   StrCat(key, ": an object may have at most ", FormatSize(kObjectBytesMax)));
}

}  // namespace

WriteFileImpl::WriteFileImpl(WriteServices& services, WriteTarget target)
    : services_(services),
      file_id_(target.file_id),
      base_(std::move(target.base)),
      exists_(target.exists),
      exclusive_(target.exclusive),
      base_bytes_(target.exists ? base_.size : 0),
      size_(base_bytes_),
      dirty_(!target.exists) {
  if (!exists_) base_.size = 0;
}

WriteFileImpl::~WriteFileImpl() {
  DropContent();
  // Never finished: the old version comes back.
  if (provisional_)
    services_.Background([left = std::shared_ptr<Provisional>(std::move(provisional_))] { left->Undo(); });
  if (parking_) services_.Background([left = std::shared_ptr<Parking>(std::move(parking_))] { left->End(); });
}

void WriteFileImpl::DropContent() {
  stream_.reset();
  staged_.reset();
  append_.reset();
}

// --- writing ---

Result<bool> WriteFileImpl::TryWrite(uint64_t offset, std::span<const std::byte> data, bool append) {
  if (failed_.load(std::memory_order_acquire)) return sticky_error().error();
  if (!turn_.TryAcquire()) return false;
  Operation operation(*this, true);
  if (append) offset = size();
  if (data.empty()) return true;
  if (offset + data.size() > kObjectBytesMax) return TooLarge(base_.key);
  Result<bool> taken = TryWritePiece(offset, data);
  if (taken && !*taken) return taken;
  if (!taken) {
    NoteFailure(taken.error());
    return taken;
  }
  operation.Wrote(offset, data.size());
  return true;
}

Result<size_t> WriteFileImpl::TryWriteLanded(uint64_t offset, Landing& landing, size_t size, bool append) {
  if (failed_.load(std::memory_order_acquire)) return sticky_error().error();
  if (!turn_.TryAcquire()) return size_t{0};
  Operation operation(*this, true);
  if (append) offset = this->size();
  if (offset + size > kObjectBytesMax) return TooLarge(base_.key);
  auto& memory = static_cast<WriteLanding&>(landing);
  size_t taken = 0;
  for (size_t i = 0; taken < size; ++i) {
    const auto data = memory.Piece(i).first(std::min(size - taken, Landing::kPieceBytes));
    BlockRef* filled = data.size() == Landing::kPieceBytes ? &memory.block(i) : nullptr;
    const Result<bool> piece = TryWritePiece(offset + taken, data, filled);
    if (!piece) {
      NoteFailure(piece.error());
      return piece.error();
    }
    if (!*piece) break;
    taken += data.size();
  }
  if (taken > 0) operation.Wrote(offset, taken);
  return taken;
}

Result<bool> WriteFileImpl::TryWritePiece(uint64_t offset, std::span<const std::byte> data, BlockRef* filled) {
  if (append_) return offset == append_->end() && append_->Fits(data.size()) && append_->TryAppend(data);
  if (staged_) {
    OSSFS2_RETURN_IF_ERROR(staged_->Write(offset, data));  // into the page cache of a local disk
    return true;
  }
  if (!stream_) {
    if (base_bytes_ != 0 || offset != 0 || services_.options.appendable || detached()) return false;
    stream_ = std::make_unique<WriteStream>(services_, file_id_, base_.key, options_);
  }
  if (offset == stream_->end()) return stream_->TryAppend(data, filled);
  if (offset + data.size() > stream_->end()) return false;
  return stream_->TryPatch(offset, data);
}

Status WriteFileImpl::Write(uint64_t offset, std::span<const std::byte> data, bool append) {
  Operation operation(*this);
  if (failed_.load(std::memory_order_acquire)) return sticky_error();
  if (append) offset = size();
  if (offset > kObjectBytesMax || data.size() > kObjectBytesMax - offset) return TooLarge(base_.key);
  while (!data.empty()) {
    const auto piece = data.first(std::min(data.size(), kPieceBytes));
    if (Status status = WritePiece(offset, piece); !status) {
      NoteFailure(status);
      return status;
    }
    operation.Wrote(offset, piece.size());
    offset += piece.size();
    data = data.subspan(piece.size());
  }
  return {};
}

Status WriteFileImpl::WritePiece(uint64_t offset, std::span<const std::byte> data) {
  if (!stream_ && !staged_ && !append_) OSSFS2_RETURN_IF_ERROR(BeginContent(offset, data.size()));
  if (append_) {
    if (offset == append_->end() && append_->Fits(data.size())) return append_->Append(data);
    // Anything else makes it a normal object again; what was appended is its base.
    Result<ObjectVersion> version = append_->Publish(append_->end());
    if (!version) return version.error();
    base_ = *version;
    base_bytes_ = base_.size;
    exists_ = true;
    append_.reset();
    if (offset == base_.size) {
      stream_ = std::make_unique<WriteStream>(services_, file_id_, base_.key, options_);
      stream_->SeedByCopy(base_);
    }
  }
  if (stream_) {
    bool taken = false;
    OSSFS2_RETURN_IF_ERROR(WriteToStream(offset, data, taken));
    if (taken) return {};
  }
  if (!staged_) OSSFS2_RETURN_IF_ERROR(EnterStaged());
  return staged_->Write(offset, data);
}

Status WriteFileImpl::WriteToStream(uint64_t offset, std::span<const std::byte> data, bool& taken) {
  if (stream_->OutOfNumbers()) OSSFS2_RETURN_IF_ERROR(Compact());
  const uint64_t end = stream_->end();
  taken = true;
  if (offset == end) return stream_->Append(data);
  if (offset < end) {
    const size_t inside = static_cast<size_t>(std::min<uint64_t>(data.size(), end - offset));
    if (stream_->CanPatch(offset, inside)) {
      OSSFS2_RETURN_IF_ERROR(stream_->Patch(offset, data.first(inside)));
      return stream_->Append(data.subspan(inside));
    }
  } else if (std::max(size(), offset + data.size()) <= HeadCapacity() &&
             stream_->CanPatch(offset, data.size())) {
    return stream_->Patch(offset, data);  // a small file, in any order
  }
  taken = false;
  return {};
}

uint64_t WriteFileImpl::HeadCapacity() const {
  return StreamPartBytes(services_.part_bytes, 0, services_.pool.limit_bytes());
}

Status WriteFileImpl::BeginContent(uint64_t offset, uint64_t length) {
  if (detached()) return EnterStaged();
  const bool whole_base = exists_ && base_bytes_ == base_.size;
  if (services_.options.appendable && offset == base_bytes_ && (whole_base || !exists_)) {
    Result<bool> begun = BeginAppendable();
    if (!begun) return begun.error();
    if (*begun) return {};
  }
  auto stream = std::make_unique<WriteStream>(services_, file_id_, base_.key, options_);
  if (base_bytes_ > 0) {
    const bool appends = whole_base && offset == base_bytes_;
    const uint64_t load_max = appends ? kPartBytesMin - 1 : std::min(kLoadBytesMax, HeadCapacity());
    const bool small = whole_base && base_bytes_ <= load_max && std::max(size(), offset + length) <= HeadCapacity();
    if (small || (appends && base_bytes_ <= load_max))
      OSSFS2_RETURN_IF_ERROR(stream->SeedByDownload(base_));
    else if (appends)
      stream->SeedByCopy(base_);
    else
      return EnterStaged();
  }
  stream_ = std::move(stream);
  return {};
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

// --- size ---

void WriteFileImpl::StartOver() {
  DropContent();
  base_bytes_ = 0;
  changed_ = true;
}

Status WriteFileImpl::Truncate(uint64_t size) {
  Operation operation(*this);
  if (failed_.load(std::memory_order_acquire)) return sticky_error();
  if (size > kObjectBytesMax) return TooLarge(base_.key);
  discarded_ = false;
  if (size == this->size()) return {};
  if (size == 0) {
    StartOver();
  } else if (staged_) {
    OSSFS2_RETURN_IF_ERROR(staged_->Truncate(size));
  } else if (size < this->size()) {
    if (Status status = ShrinkTo(size); !status) {
      NoteFailure(status);
      return status;
    }
  }
  changed_ = true;
  size_.store(size, std::memory_order_release);
  return {};
}

Status WriteFileImpl::ShrinkTo(uint64_t size) {
  if (append_) OSSFS2_RETURN_IF_ERROR(EnterStaged());
  if (stream_) {
    Result<bool> cut = stream_->TryCut(size);
    if (!cut) return cut.error();
    if (*cut) return {};
  } else if (!staged_) {
    // At rest: only zeros are cut, or part of the base.
    if (size >= base_bytes_) return {};
    if (!detached() && exists_ && base_bytes_ == base_.size && base_bytes_ <= std::min(kLoadBytesMax, HeadCapacity())) {
      auto stream = std::make_unique<WriteStream>(services_, file_id_, base_.key, options_);
      OSSFS2_RETURN_IF_ERROR(stream->SeedByDownload(base_));
      stream_ = std::move(stream);
      return ShrinkTo(size);
    }
  }
  if (!staged_) OSSFS2_RETURN_IF_ERROR(EnterStaged());
  return staged_->Truncate(size);
}

Status WriteFileImpl::Allocate(int mode, uint64_t offset, uint64_t length) {
  if (length == 0) return MakeError(EINVAL, ErrorKind::kInvalid, "fallocate of no bytes");
  if (offset > kObjectBytesMax || length > kObjectBytesMax - offset) return TooLarge(base_.key);
  if (mode == FALLOC_FL_KEEP_SIZE) return {};  // nothing to reserve in a bucket
  if (mode == 0) {
    {
      Operation operation(*this);
      if (offset + length <= size()) return failed_ ? sticky_error() : Status();
    }
    return Truncate(offset + length);
  }
  if (mode != (FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE))
    return MakeError(EOPNOTSUPP, ErrorKind::kInvalid, "only plain fallocate, KEEP_SIZE and PUNCH_HOLE are supported");
  Operation operation(*this);
  if (failed_.load(std::memory_order_acquire)) return sticky_error();
  const uint64_t end = std::min(offset + length, size());
  if (offset >= end) return {};
  Status status = staged_ ? Status() : EnterStaged();
  if (status) status = staged_->Zero(offset, end - offset);
  NoteFailure(status);
  discarded_ = false;
  return status;
}

Result<bool> WriteFileImpl::CopyRange(const ObjectVersion& source, uint64_t source_offset, uint64_t offset,
                                      uint64_t length) {
  Operation operation(*this);
  if (failed_.load(std::memory_order_acquire)) return sticky_error().error();
  if (detached()) return false;
  if (length < kPartBytesMin || source_offset + length > source.size || offset + length > kObjectBytesMax) return false;
  const bool at_rest = !stream_ && !staged_ && !append_;
  if (at_rest && offset == base_bytes_ && !services_.options.appendable)
    if (Status status = BeginContent(offset, length); !status) return status.error();
  if (!stream_ || offset != stream_->end()) return false;
  Result<bool> copied = stream_->AppendCopy(source, source_offset, length);
  if (copied && *copied) operation.Wrote(offset, length);
  return copied;
}

// --- reading ---

Result<size_t> WriteFileImpl::Read(uint64_t offset, std::span<std::byte> out) {
  Operation operation(*this);
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
  base_bytes_ = exists_ ? base_.size : 0;
  size_.store(base_bytes_, std::memory_order_release);
  changed_ = false;
  discarded_ = true;
  MutexLock lock(sticky_mutex_);
  sticky_ = {};
  failed_.store(false, std::memory_order_release);
}

void WriteFileImpl::Rebind(const ObjectVersion& version, bool exists) {
  Operation operation(*this);
  if (detached()) return;
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

uint64_t WriteFileImpl::ReleaseMemory(bool may_spill) {
  if (!turn_.TryAcquire()) return 0;
  Operation operation(*this, true);
  if (!stream_) return 0;
  const uint64_t bytes = stream_->MemoryBytes();
  if (!changed_ && stream_->whole_in_memory() && !provisional_) {
    base_bytes_ = base_.size;
    stream_.reset();  // only a copy of what is stored
  } else {
    stream_->ReleaseMemory(may_spill);
  }
  return bytes;
}

void WriteFileImpl::Abandon() {
  Operation operation(*this);
  DropContent();
  MutexLock lock(sticky_mutex_);
  if (!sticky_) return;
  sticky_ = MakeError(EIO, ErrorKind::kCanceled, StrCat(base_.key, ": the file system was shut down"));
  failed_.store(true, std::memory_order_release);
}

Status WriteFileImpl::sticky_error() const {
  MutexLock lock(sticky_mutex_);
  return sticky_;
}

Explanation WriteFileImpl::Explain() {
  if (!turn_.TryAcquire()) return {"write state: busy"};
  Operation operation(*this, true);
  Explanation lines;
  lines.push_back(StrCat("write state: ", staged_ ? "staged" : append_ ? "appendable" : stream_ ? "streaming" : "clean"));
  lines.push_back(StrCat("size: ", size()));
  lines.push_back(StrCat("unpublished: ", dirty() ? "yes" : "no"));
  if (staged_) lines.push_back(StrCat("staged bytes: ", staged_->LocalBytes()));
  if (stream_) lines.push_back(StrCat("buffered bytes: ", stream_->MemoryBytes()));
  if (provisional_) lines.push_back("stored provisionally: yes");
  if (detached()) lines.push_back(StrCat("without a name: yes", parking_ ? StrCat(", parked: ", parking_->version().key) : ""));
  if (Status status = sticky_error(); !status) lines.push_back(StrCat("error: ", status.error().text));
  return lines;
}

}  // namespace ossfs2
