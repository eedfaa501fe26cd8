// PrefetchPlanner: what of one file is to be fetched next, ahead of its readers. It decides; the file (CachedFile)
// fetches.
//
// The file tells it of reads, closes and failures, and asks Next for a range whenever a GET may be started. The range
// comes from the first of these that has one:
//   streams  places where reads go on (StreamTracker). Each has a window to hold ahead of it (stream_window.h); the one
//            with the least ahead of it comes first
//   pull     a file that is read in pieces from several places: all of it, in order (WholeFilePull)
//   lead     the next file of a run that nobody reads yet: all of it, for the page cache (FileLead)
// From the same knowledge it says which bytes are to be put into the page cache ahead of a reader (WantsPageFill), and
// when the file after this one is worth beginning (AfterRead).
//
// Invariants. A range of Next touches nothing that a chunk holds, and nothing that was delivered, unless its stream
// reads again what was. Planning is not asking: until the file has made a chunk of it, the same range may be given
// again. What a stream has ahead is bounded by its window, what a pull or a lead has ahead by FileView::unread_bytes;
// all of them by the stream's share of the memory (PrefetchServices::StreamBudget).
//
// Threads: a value without a lock; the file's lock covers all calls. What it learns goes to ReadPace and ShardLead,
// whose locks are leaves. It calls nobody back.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "data/explanation.h"
#include "data/read/chunks/chunk_map.h"
#include "data/read/plan/file_lead.h"
#include "data/read/plan/prefetch_services.h"
#include "data/read/plan/stream_tracker.h"
#include "data/read/plan/whole_file_pull.h"

namespace ossfs2 {

// What the planner has to know of the file; good for one call.
struct FileView {
  uint64_t size;
  const ChunkMap& chunks;     // here or in flight
  const RangeSet& delivered;  // has gone to a reader or into the page cache, and may have left memory since
  uint64_t unread_bytes;      // fetched ahead, or being fetched, and not read
  bool direct;                // some handle reads past the page cache
};

struct PlannedRead {
  uint64_t handle;
  ByteRange range;
  ReadInto into;
  bool waited;  // the bytes were not all there
  int64_t now_ns;
};

class PrefetchPlanner {
 public:
  // What the file has to do after a read, without its lock.
  struct AfterRead {
    bool pump = false;         // there is something to fetch
    bool refill = false;       // the kernel knows the file now: what waited for that goes into the page cache
    uint64_t next_window = 0;  // begins the next file of the run with that window
    bool next_all = false;     // fetches all of the next file
  };

  PrefetchPlanner(PrefetchServices& services, uint64_t file_id)
      : services_(services), file_id_(file_id), lead_(services.lead) {}

  AfterRead OnRead(const FileView& file, const PlannedRead& read);
  // The next range to fetch. If only the lead's bound stands against it, `source` is pumped when there is room again.
  std::optional<ByteRange> Next(const FileView& file, const std::shared_ptr<PrefetchSource>& source, int64_t now_ns);
  // A GET of a range of Next was started for so many bytes.
  void OnFetch(uint64_t bytes);
  // So many of them will not come.
  void OnFetchFailed(uint64_t bytes) { lead_.OnFailed(bytes); }
  // A store into the page cache ended (FileLead).
  void OnPageStore(bool stored) { lead_.OnStore(stored); }
  // After a failure nothing is fetched ahead for a while.
  void Pause(int64_t now_ns);
  // There is something to fetch once the pause has ended, and no reader who would ask for it.
  bool WaitsForPauseToEnd(int64_t now_ns) const { return lead_.fetching() && now_ns < paused_until_ns_; }

  // A reader of the begin is expected soon: a stream with that window. False: not now.
  bool Expect(const FileView& file, uint64_t window, int64_t now_ns);
  // The file is the next of a run that is read whole: a lead. False: not now.
  bool BeginLead(const FileView& file, int64_t now_ns);
  void EndLead() { lead_.End(); }
  // Whether the file after this one is to be fetched whole now; says so once.
  bool TakeNextAll(int64_t now_ns);

  // Bytes that streams were coming to left memory: they get smaller windows.
  void OnEvictedUnread(ByteRange range);
  // So many bytes were fetched ahead in vain.
  void OnWasted(uint64_t bytes) { pull_.OnWasted(bytes); }

  // Streams that nobody is left on go. Whether any went.
  bool CloseHandle(uint64_t handle) { return streams_.CloseHandle(handle); }
  // The last handle was closed. False: only looked at, and its readers are yet to come, so nothing has changed.
  bool OnClosed(const FileView& file);
  // Streams and leads that nobody has used for long go. Whether any went.
  bool DropIdle(int64_t now_ns);
  void ForgetStreams() { streams_.Clear(); }

  // Whether the range is to be put into the page cache: its reader is far enough behind to find it there.
  bool WantsPageFill(ByteRange range, int64_t now_ns) const;
  // The end of the first tripwire (page_filler.h) that ends after `position`.
  uint64_t TripwireAfter(uint64_t position, uint64_t file_bytes) const;
  // The file is read in pieces and wanted whole: being pulled, or pulled to its end already.
  bool InPieces() const { return pull_.on() || pull_.complete(); }
  // Somebody is coming to the range, or all of the file is wanted.
  bool Wants(ByteRange range) const { return InPieces() || lead_.on() || streams_.AnyWants(range); }
  bool HasStreams() const { return !streams_.all().empty(); }
  // How many streams were read lately; adds their windows.
  size_t CountActive(int64_t now_ns, uint64_t& window_bytes) const;
  void Explain(Explanation& lines) const;

  const StreamTracker& streams() const { return streams_; }
  const FileLead& lead() const { return lead_; }

 private:
  // A pull fetches so much ahead at first, and may fetch so much in vain.
  static constexpr uint64_t kPullBytesMin = 16ull << 20;

  void NoteOthers(const FileView& file, const Stream& stream, const PlannedRead& read);
  void BridgeFilled(const FileView& file, ByteRange range);
  void UpdateWindow(Stream& stream);
  void GrowWindow(const FileView& file, Stream& stream, ByteRange range, int64_t now_ns);
  bool NoteReadWhole(const FileView& file, const Stream& stream, int64_t now_ns);
  void DetectWholeFile(const FileView& file, ByteRange range, bool continues);
  uint64_t NextFileWindow(const FileView& file, const Stream& stream);
  bool WindowOpen(const FileView& file, const Stream& stream) const;
  bool NearReader(ByteRange range, int64_t now_ns) const;
  uint64_t WholeAllowed(const FileView& file) const;
  std::optional<ByteRange> NextForward(const FileView& file, Stream& stream);
  std::optional<ByteRange> NextBackward(const FileView& file, Stream& stream);
  std::optional<ByteRange> NextOfPull(const FileView& file);
  std::optional<ByteRange> NextOfLead(const FileView& file, const std::shared_ptr<PrefetchSource>& source,
                                      int64_t now_ns);

  PrefetchServices& services_;
  const uint64_t file_id_;
  StreamTracker streams_;
  WholeFilePull pull_;
  FileLead lead_;
  int64_t paused_until_ns_ = 0;
  bool next_asked_ = false;   // for the file after this one, since the last close
  bool read_past_ = false;    // the page cache, since nobody had it open
  bool whole_noted_ = false;  // told ReadPace and ShardLead that it was read to its end
};

}  // namespace ossfs2
