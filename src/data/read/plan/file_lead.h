// FileLead: one file's part in the lead (ShardLead): all of it is fetched into the page cache before anybody reads it.
//
// What it holds of the lead is what was fetched and not read yet; reads give it back, and so does the end. While it is
// on, `read` has what its readers have taken: not what was put into the page cache for them, but what they are known
// to have passed. Value without a lock: the file's; ShardLead's own lock is a leaf.
#pragma once

#include <cstdint>

#include "data/read/plan/shard_lead.h"
#include "data/read/shared/byte_ranges.h"

namespace ossfs2 {

class FileLead {
 public:
  explicit FileLead(ShardLead& shards) : shards_(shards) {}

  // `delivered`: what lies in the page cache already; `unread_bytes`: what was fetched before and not read.
  void Begin(const RangeSet& delivered, uint64_t unread_bytes, int64_t now_ns);
  void End();
  // A GET of so many bytes was started for it.
  void OnFetch(uint64_t bytes);
  // So many of them will not come: the GET failed.
  void OnFailed(uint64_t bytes);
  // A read tells that what lies in the page cache before it, back to the tripwire before, was read as well.
  void OnRead(ByteRange range, const RangeSet& delivered);
  // Nothing of the file is left to fetch.
  void Complete() { complete_ = true; }
  // A store into the page cache fails while the kernel does not know the file. What waited in memory because of that is
  // to be stored once it is read: TakeRefill says so once.
  void OnStore(bool stored) { store_failed_ = !stored; }
  bool TakeRefill();
  // Whether the file after this one is to be fetched whole now; once for each time that this one is opened.
  bool AskNext(int64_t now_ns);
  // The last handle was closed: the next opens ask again.
  void OnClosed() { next_asked_ = false; }

  bool on() const { return on_; }
  bool fetching() const { return on_ && !complete_; }
  bool complete() const { return on_ && complete_; }
  bool NobodyCame() const { return on_ && read_.TotalBytes() == 0; }
  bool NobodyCameFor(int64_t idle_ns, int64_t now_ns) const { return NobodyCame() && now_ns - begun_ns_ > idle_ns; }
  const RangeSet& read() const { return read_; }
  uint64_t held_bytes() const { return held_bytes_; }
  // Where the next GET begins.
  uint64_t position() const { return position_; }
  void MoveTo(uint64_t position) { position_ = position; }

 private:
  void Return(uint64_t bytes);

  ShardLead& shards_;
  bool on_ = false;
  bool complete_ = false;
  bool store_failed_ = false;
  bool refilled_ = false;
  bool next_asked_ = false;
  uint64_t position_ = 0;
  uint64_t held_bytes_ = 0;
  int64_t begun_ns_ = 0;
  RangeSet read_;
};

}  // namespace ossfs2
