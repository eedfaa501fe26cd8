// How a WriteFileImpl changes its size, and what fallocate asks for.
#include <linux/falloc.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "data/write/write_file_impl.h"
#include "data/write/write_file_impl_operation.h"

namespace ossfs2 {

Status WriteFileImpl::Truncate(uint64_t size) {
  Operation operation(*this);
  return Resize(size);
}

Status WriteFileImpl::Resize(uint64_t size) {
  if (auto error = sticky_.Get()) return std::move(*error);
  if (size > kObjectBytesMax) return TooLarge();
  discarded_ = false;
  if (size == this->size()) return {};
  if (size < this->size()) seams_.Cut(size);
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
    if (!detached() && AtWholeBase() && base_bytes_ <= LoadBytesMax()) {
      OSSFS2_RETURN_IF_ERROR(LoadBase());
      return ShrinkTo(size);
    }
  }
  if (!staged_) OSSFS2_RETURN_IF_ERROR(EnterStaged());
  return staged_->Truncate(size);
}

Status WriteFileImpl::Allocate(int mode, uint64_t offset, uint64_t length) {
  if (length == 0) return MakeError(EINVAL, ErrorKind::kInvalid, "fallocate of no bytes");
  if (!FitsObject(offset, length)) return TooLarge();
  if (mode == FALLOC_FL_KEEP_SIZE) return {};  // nothing to reserve in a bucket
  if (mode == 0) {
    Operation operation(*this);  // both steps in one turn: another writer may make the file longer
    return offset + length <= size() ? sticky_error() : Resize(offset + length);
  }
  if (mode != (FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE))
    return MakeError(EOPNOTSUPP, ErrorKind::kInvalid, "only plain fallocate, KEEP_SIZE and PUNCH_HOLE are supported");
  Operation operation(*this);
  if (auto error = sticky_.Get()) return std::move(*error);
  const uint64_t end = std::min(offset + length, size());
  if (offset >= end) return {};
  seams_.Drop(offset, end);
  Status status = staged_ ? Status() : EnterStaged();
  if (status) status = staged_->JoinExtents();
  if (status) status = staged_->Zero(offset, end - offset);
  NoteFailure(status);
  discarded_ = false;
  return status;
}

}  // namespace ossfs2
