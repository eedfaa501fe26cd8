// ReaderSigns: what was seen lately of the readers of all files that tells how long others may want what was read.
//
// Threads: any; the lock of closed_lately is a leaf, the rest takes none.
#pragma once

#include <cstdint>

#include "base/threads/recent_ids.h"
#include "base/time/clock.h"
#include "data/read/plan/recent_sign.h"

namespace ossfs2 {

class ReaderSigns {
 public:
  // So long after bytes were read twice, what was read is kept for others.
  static constexpr int64_t kSharedNs = 30'000'000'000;
  static constexpr uint64_t kSharedBytesMin = 1ull << 20;  // fewer may be a header that is looked at again

  static int64_t NowNs() { return Clock::Real().NowSteady().time_since_epoch().count(); }

  // Somebody reads what was read before, past the page cache: others may do so, too.
  void NoteShared(uint64_t bytes, int64_t now_ns) { shared_.Note(bytes, now_ns); }
  bool SharedLately() const { return shared_.Lately(NowNs()); }
  // Several handles that the page cache does not serve read one file, at once or in turn.
  void NoteCompany(int64_t now_ns) { company_.Note(0, now_ns); }
  bool CompanyLately() const { return company_.Lately(NowNs()); }
  // Somebody reads through the page cache where most read past it.
  void NoteMapped(int64_t now_ns) { mapped_.Note(0, now_ns); }
  bool MappedLately() const { return mapped_.Lately(NowNs()); }
  // A stream that the page cache does not serve follows another one.
  void NoteFollower(uint64_t bytes, int64_t now_ns) { follower_.Note(bytes, now_ns); }
  bool FollowersLately() const { return follower_.Lately(NowNs()); }
  // A reader that the page cache does not serve began when others were far into the file, or had closed it.
  void NoteLateStart(int64_t now_ns) { late_start_.Note(0, now_ns); }
  bool LateStartsLately() const { return late_start_.Lately(NowNs()); }

  // Files that were read past the page cache and closed. One that is read again shows that programs read the same
  // files one after the other, so what they read is worth keeping.
  RecentIds closed_lately;

 private:
  RecentSign shared_{kSharedBytesMin, kSharedNs};
  RecentSign company_{0, kSharedNs};
  RecentSign mapped_{0, kSharedNs};
  RecentSign follower_{kSharedBytesMin, kSharedNs};
  RecentSign late_start_{0, kSharedNs};
};

}  // namespace ossfs2
