// WholeFilePull: a file that is read in pieces, from several places, is fetched in order ahead of all its readers.
//
// It begins when the detector recognises such readers, and ends when nothing is left to fetch, or for good when too
// much of what it fetched left memory unread. How much it may hold is the file's to say; here is what has been decided.
// Value without a lock: the file's.
#pragma once

#include "data/read/plan/whole_file_detector.h"
#include "data/read/shared/byte_ranges.h"

namespace ossfs2 {

class WholeFilePull {
 public:
  // `continues`: the read belongs to a run that was there before it.
  void OnRead(ByteRange range, bool continues, uint64_t file_bytes) { detector_.OnRead(range, continues, file_bytes); }
  void OnRunConfirmed() { detector_.OnRunConfirmed(); }
  bool Detected(uint64_t file_bytes) const { return detector_.Detected(file_bytes); }

  bool MayBegin() const { return !on_ && !refused_; }
  void Begin() { on_ = true; }
  // So many bytes that were fetched ahead left memory unread.
  void OnWasted(uint64_t bytes) { wasted_bytes_ += on_ ? bytes : 0; }
  // It does not pay, and is not tried again, when more than that was fetched in vain.
  void EndIfWasted(uint64_t bytes_max) {
    if (!on_ || wasted_bytes_ <= bytes_max) return;
    on_ = false;
    refused_ = true;
  }
  // Nothing of the file is left to fetch.
  void Complete() {
    on_ = false;
    complete_ = refused_ = true;
    position_ = 0;
  }
  // The last handle was closed.
  void OnClosed() {
    on_ = complete_ = false;
    position_ = 0;
    detector_ = {};
  }

  bool on() const { return on_; }
  bool complete() const { return complete_; }
  // Where the next GET begins; after the end once more from the begin, for what was skipped or lost.
  uint64_t position() const { return position_; }
  void MoveTo(uint64_t position) { position_ = position; }

 private:
  WholeFileDetector detector_;
  bool on_ = false;
  bool refused_ = false;
  bool complete_ = false;
  uint64_t position_ = 0;
  uint64_t wasted_bytes_ = 0;
};

}  // namespace ossfs2
