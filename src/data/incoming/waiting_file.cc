#include "data/incoming/waiting_file.h"

#include <utility>

namespace ossfs2 {

WaitingFile::~WaitingFile() { space_.Release(slots_ * kSlotBytes); }

Result<size_t> WaitingFile::TakeSlot() {
  if (!file_) {
    Result<std::shared_ptr<StagingFile>> file = StagingFile::Open(space_);
    if (!file) return file.error();
    file_ = std::move(*file);
  }
  if (!free_.empty()) return free_.extract(free_.begin()).value();
  OSSFS2_RETURN_IF_ERROR(space_.Reserve(kSlotBytes));
  return slots_++;
}

Result<size_t> WaitingFile::Put(std::span<const std::byte> bytes) {
  std::shared_ptr<StagingFile> file;
  size_t slot = 0;
  {
    MutexLock lock(mutex_);
    Result<size_t> taken = TakeSlot();
    if (!taken) return taken;
    slot = *taken;
    file = file_;
  }
  if (Status written = file->Write(slot * kSlotBytes, bytes); !written) {
    Free(slot);
    return written.error();
  }
  return slot;
}

Status WaitingFile::Read(size_t slot, size_t at, std::span<std::byte> out) {
  std::shared_ptr<StagingFile> file;
  {
    MutexLock lock(mutex_);
    file = file_;
  }
  return file->Read(slot * kSlotBytes + at, out);
}

void WaitingFile::Free(size_t slot) {
  MutexLock lock(mutex_);
  free_.insert(slot);
  // What was not written back by now never is, and the disk has its space again.
  if (free_.size() < slots_ || !file_->Truncate(0)) return;
  space_.Release(slots_ * kSlotBytes);
  slots_ = 0;
  free_.clear();
}

}  // namespace ossfs2
