// StreamTracker: which sequential streams the reads of one file form.
//
// Several per file, forward and backward, shared by all handles: kernel read-ahead comes out of
// order and through any thread, ranks follow one another, and loaders read 16 places of
// one file at once. A read belongs to the stream whose edge is nearest. A read that fits no
// stream starts a candidate, which is recognised when it is continued: at once by a read that
// starts exactly at its end, after two by reads that start near it (page faults read around
// themselves and begin before the edge), after three exact steps downward. Until
// then nothing is fetched ahead, so random reads and tail probes start no window.
//
// Values without locks: the file's. At most kStreamsMax; the one unused longest makes room.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "data/read/shared/byte_ranges.h"

namespace ossfs2 {

struct Stream {
  static constexpr size_t kHandlesMax = 16;
  std::vector<uint64_t> handles;  // who reads it; beyond kHandlesMax nobody is added
  bool backward = false;
  bool confirmed = false;
  bool counted = false;    // in the count of active streams
  bool reread = false;     // reads again what was delivered: fetch ahead there too
  uint64_t begin = 0;      // where the run began
  uint64_t low = 0;        // the run read lately is [low, high)
  uint64_t high = 0;
  uint64_t frontier = 0;   // fetched or passed over up to here, in its direction
  uint64_t consumed = 0;   // bytes of the run
  uint64_t window = 0;     // bytes to hold ahead
  uint64_t carried = 0;    // window of the file before it (ReadPace)
  int forward_score = 0;
  int backward_score = 0;
  int jumps = 0;
  int64_t used_ns = 0;

  uint64_t Edge() const { return backward ? low : high; }
  // Bytes between the edge and the frontier.
  uint64_t Ahead() const;
  // The stream is about to read there: between its edge and its frontier or the end of its window.
  bool Wants(ByteRange range) const;
};

class StreamTracker {
 public:
  static constexpr size_t kStreamsMax = 64;
  static constexpr uint64_t kNearBytes = 128ull << 10;       // a candidate's tolerance
  static constexpr uint64_t kSlackReads = 4;  // a confirmed stream's: so many reads out of order
  static constexpr uint64_t kSkipBytes = 1ull << 20;         // and beyond its frontier
  static constexpr int kJumpsMax = 3;
  static constexpr int kForwardScore = 2;
  static constexpr int kBackwardScore = 3;

  // The stream that the read belongs to, updated; a new one if need be. The pointer is good until the next call.
  Stream* OnRead(uint64_t handle, ByteRange range, int64_t now_ns);
  // A stream that nobody has read yet but that is expected to be (the next shard).
  void Expect(ByteRange already, uint64_t window, int64_t now_ns);
  // Takes the handle off; streams nobody is left on go. Returns whether any went.
  bool CloseHandle(uint64_t handle);
  // Streams unused since before go.
  bool DropIdle(int64_t unused_since_ns);
  void Clear();

  std::vector<Stream>& all() { return streams_; }
  const std::vector<Stream>& all() const { return streams_; }
  size_t ActiveCount(int64_t used_since_ns) const;  // confirmed ones
  bool AnyWants(ByteRange range) const;
  // Some stream is read by another handle.
  bool AnyOfOthers(uint64_t handle) const;
  // How many handles read the file; nothing when a stream has more than it keeps, or when one of them has gone while
  // others stayed: what it had read before them counts for it.
  std::optional<size_t> Readers() const;
  // A forward stream, read since, is at or behind `offset`: it may come to these bytes yet.
  bool AnyBehind(uint64_t offset, int64_t used_since_ns) const;

 private:
  Stream* Match(ByteRange range);
  bool LooksRandom() const;
  size_t CountHandles() const;
  std::vector<Stream> streams_;
  bool some_left_ = false;  // of the handles, and not all
  uint32_t starts_ = 0;  // one bit a read, latest lowest: it started a candidate
};

}  // namespace ossfs2
