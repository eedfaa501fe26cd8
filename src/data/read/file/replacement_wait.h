// ReplacementWait: the reads of a file that wait while its object is replaced here by one with the same bytes.
//
// Such a copy changes the ETag at a moment that nobody is told of: from then until its answer a GET of the old version
// is refused although nothing changed. While a replacement runs, that is no answer yet: the reads that need bytes wait
// here, hold no memory, and ask again when the new version is known or the replacement has ended.
// Bound: ReadOptions::replacement_wait_max after the first refusal they are given up. Threads: guarded by the mutex of
// the CachedFile that owns it.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "data/read/chunks/chunk.h"
#include "ossfs2/status.h"

namespace ossfs2 {

class ReplacementWait {
 public:
  void Begin() { ++running_; }
  // Those that waited, when it was the last one.
  std::vector<PendingRef> End() { return --running_ == 0 ? Settle() : std::vector<PendingRef>(); }
  bool running() const { return running_ > 0; }

  // A GET of the current version was refused.
  void NoteRefused(Error error, int64_t now_ns) {
    if (refused_) return;
    refused_ = std::move(error);
    refused_ns_ = now_ns;
  }
  // No GET of the current version is worth asking.
  bool refused() const { return refused_.has_value(); }
  std::optional<Error> Overdue(std::chrono::nanoseconds wait_max, int64_t now_ns) const {
    return refused_ && now_ns - refused_ns_ > wait_max.count() ? refused_ : std::nullopt;
  }

  void Park(PendingRef read) { parked_.push_back(std::move(read)); }
  size_t parked() const { return parked_.size(); }
  // The new version is known, or will never be: all that waited.
  std::vector<PendingRef> Settle() {
    refused_.reset();
    return std::exchange(parked_, {});
  }

 private:
  int running_ = 0;
  std::optional<Error> refused_;
  int64_t refused_ns_ = 0;
  std::vector<PendingRef> parked_;
};

}  // namespace ossfs2
