// WriteFileImpl::Operation: one call's turn on a file. At its end the facts that anybody may read
// without waiting (size, dirty, unpublished bytes) are brought up to date.
#pragma once

#include <algorithm>
#include <cstdint>
#include <mutex>

#include "data/write/write_file_impl.h"

namespace ossfs2 {

class WriteFileImpl::Operation {
 public:
  explicit Operation(WriteFileImpl& file) : file_(file), turn_(file.turn_) {}
  Operation(WriteFileImpl& file, std::adopt_lock_t acquired) : file_(file), turn_(file.turn_, acquired) {}
  ~Operation() { file_.Refresh(); }
  Operation(const Operation&) = delete;
  Operation& operator=(const Operation&) = delete;

  void Wrote(uint64_t offset, uint64_t length) {
    file_.changed_ = true;
    file_.discarded_ = false;
    file_.seams_.DropCovered(offset, offset + length);
    file_.size_.store(std::max(file_.size(), offset + length), std::memory_order_release);
    file_.services_.metrics.write_bytes.Add(length);
  }

 private:
  WriteFileImpl& file_;
  TurnHolder turn_;
};

}  // namespace ossfs2
