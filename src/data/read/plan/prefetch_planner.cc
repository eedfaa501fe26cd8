// What is learnt from reads and closes; prefetch_next.cc has what is fetched next.
#include "data/read/plan/prefetch_planner.h"

#include <algorithm>
#include <utility>

#include "base/machine/page_size.h"
#include "base/values/str.h"
#include "data/read/pages/page_filler.h"
#include "data/read/plan/stream_window.h"

namespace ossfs2 {
namespace {

constexpr int64_t kPauseNs = 1'000'000'000;           // after a failed prefetch
constexpr int64_t kStreamIdleNs = 30'000'000'000;     // then a stream is forgotten
constexpr uint64_t kNextFileBytesMax = 256ull << 20;  // of the next shard, before anybody opens it
// Streams that begin there take over the window of the file before.
constexpr uint64_t kFileHeadBytes = 8ull << 20;
constexpr uint64_t kReaderBytes = 2ull << 20;         // so close ahead of a reader its own read-ahead is faster
constexpr uint64_t kTogetherBytesMax = 128ull << 20;  // read by the first of those that started together, at most
constexpr int64_t kReaderNs = 1'000'000'000;          // of a reader of a file that is fetched whole

}  // namespace

PrefetchPlanner::AfterRead PrefetchPlanner::OnRead(const FileView& file, const PlannedRead& read) {
  const auto& [handle, range, into, waited, now_ns] = read;
  AfterRead after;
  if (services_.options.concurrency <= 0) return after;
  BridgeFilled(file, range);
  lead_.OnRead(range, file.delivered);
  Stream& stream = *streams_.OnRead(handle, range, now_ns);
  const bool continues = stream.consumed > range.size() || stream.confirmed;
  UpdateWindow(stream);
  if (waited) GrowWindow(file, stream, range, now_ns);
  if (into == ReadInto::kProgram) NoteOthers(file, stream, read);
  after.next_all = NoteReadWhole(file, stream, now_ns);
  after.refill = lead_.TakeRefill();
  if (services_.options.detect_whole_file && pull_.MayBegin() && !lead_.on()) DetectWholeFile(file, range, continues);
  pull_.EndIfWasted(std::max(kPullBytesMin, file.delivered.TotalBytes() / 4));
  after.pump = pull_.on() || lead_.fetching() || (stream.confirmed && WindowOpen(file, stream));
  after.next_window = NextFileWindow(file, stream);
  return after;
}

// Of readers that the page cache does not serve.
void PrefetchPlanner::NoteOthers(const FileView& file, const Stream& stream, const PlannedRead& read) {
  const auto& [handle, range, into, waited, now_ns] = read;
  read_past_ = true;
  const bool begins = stream.consumed <= range.size();
  const bool again = begins && services_.signs.closed_lately.NotedSince(file_id_, now_ns - ReaderSigns::kSharedNs);
  const bool others = streams_.AnyOfOthers(handle);
  if (others || again) services_.signs.NoteCompany(now_ns);
  const bool from_head = begins && range.begin < kFileHeadBytes;
  const bool late = from_head && others && file.delivered.TotalBytes() > kTogetherBytesMax;
  if (again || late) services_.signs.NoteLateStart(now_ns);
  const auto before = file.delivered.Find(range.begin);
  if (stream.confirmed && before && before->end >= range.end) services_.signs.NoteFollower(range.size(), now_ns);
}

// A reader that comes to a tripwire has read what the page cache had before it.
void PrefetchPlanner::BridgeFilled(const FileView& file, ByteRange range) {
  for (Stream& stream : streams_.all()) {
    if (!stream.confirmed || stream.backward || stream.high >= range.begin) continue;
    if (std::max(stream.frontier, stream.high) < range.begin) continue;
    const auto delivered = file.delivered.Find(stream.high);
    if (!delivered || delivered->end < range.begin) continue;
    stream.consumed += range.begin - stream.high;
    stream.low = std::max(stream.low, stream.high);
    stream.high = range.begin;
  }
}

void PrefetchPlanner::UpdateWindow(Stream& stream) {
  if (!stream.confirmed) return;
  if (!stream.counted) {
    stream.counted = true;
    // Only from the begin of a file: ranks that fault here and there have many streams.
    stream.carried = stream.backward || stream.begin >= kFileHeadBytes ? 0 : services_.pace.CarriedWindow();
    stream.window = std::max(stream.window, FirstWindow(stream.consumed, stream.carried));
    services_.active_streams.fetch_add(1, std::memory_order_relaxed);
    pull_.OnRunConfirmed();
  }
  stream.window = SteadyWindow(stream.window, stream.consumed, services_.StreamBudget());
  if (services_.ReadFromCache()) stream.window = std::min(stream.window, kHotWindowBytesMax);
}

// The reader had to wait: the window was too small, unless it was not even asked for yet.
void PrefetchPlanner::GrowWindow(const FileView& file, Stream& stream, ByteRange range, int64_t now_ns) {
  uint64_t position = range.begin;
  const ChunkRef* chunk = file.chunks.Find(position);
  while (chunk != nullptr && !(*chunk)->fetching && (*chunk)->range.end < range.end) {
    position = (*chunk)->range.end;
    chunk = file.chunks.Find(position);
  }
  if (chunk == nullptr) {
    const auto delivered = file.delivered.Find(position);
    if (delivered && delivered->end >= range.end) {
      stream.reread = true;
      services_.signs.NoteShared(range.size(), now_ns);
    }
  } else if ((*chunk)->wait_counted) {
    return;
  } else {
    (*chunk)->wait_counted = true;
  }
  if (!stream.confirmed) return;
  const uint64_t budget = services_.StreamBudget();
  const uint64_t piece = services_.PieceBytesOf(stream.window);
  if (chunk != nullptr && stream.Ahead() + piece < stream.window) return;
  const uint64_t bound = std::min(WindowBound(stream.consumed, stream.carried), services_.UsefulWindow());
  stream.window = GrownWindow(stream.window, bound, budget);
}

// A large file was read to its end: tells those that start the next. Whether the next is to be fetched whole.
bool PrefetchPlanner::NoteReadWhole(const FileView& file, const Stream& stream, int64_t now_ns) {
  if (whole_noted_ || file.size < ReadPace::kLargeFileBytes) return false;
  if ((lead_.on() ? lead_.read() : file.delivered).TotalBytes() < file.size / 8 * 7) return false;
  whole_noted_ = true;
  // What O_DIRECT reads, it does not look for in the page cache.
  if (!file.direct) services_.lead.OnReadWhole(file_id_, file.size, now_ns);
  if (lead_.on())  // its readers came seldom, which says nothing of windows
    services_.pace.OnFileReadWhole(services_.pace.CarriedWindow(), services_.pace.CarriedInPieces());
  else
    services_.pace.OnFileReadWhole(InPieces() ? WholeAllowed(file) : stream.window, InPieces());
  return !file.direct && TakeNextAll(now_ns);
}

void PrefetchPlanner::DetectWholeFile(const FileView& file, ByteRange range, bool continues) {
  pull_.OnRead(range, continues, file.size);
  const uint64_t most = file.delivered.TotalBytes() / 4 * 3;
  const bool one_reader = std::any_of(streams_.all().begin(), streams_.all().end(), [most](const Stream& other) {
    return other.confirmed && other.consumed >= most;
  });
  const bool like_the_last = file.size >= ReadPace::kLargeFileBytes && continues && services_.pace.CarriedInPieces();
  if (!like_the_last && (one_reader || !pull_.Detected(file.size))) return;
  pull_.Begin();
  services_.metrics.whole_files.Add();
}

// 0: the next file is not to be begun, or was already.
uint64_t PrefetchPlanner::NextFileWindow(const FileView& file, const Stream& stream) {
  const bool at_end = pull_.complete() || (stream.confirmed && !stream.backward && stream.frontier >= file.size);
  if (!services_.options.prefetch_next_shard || next_asked_ || !at_end) return 0;
  if (file.delivered.TotalBytes() < file.size / 2) return 0;
  next_asked_ = true;
  const uint64_t window = pull_.complete() ? WholeAllowed(file) : stream.window;
  return std::min({kNextFileBytesMax, std::max(window, kWindowFreeBytes), file.size});
}

bool PrefetchPlanner::TakeNextAll(int64_t now_ns) {
  return services_.options.prefetch_next_shard && lead_.AskNext(now_ns);
}

bool PrefetchPlanner::Expect(const FileView& file, uint64_t window, int64_t now_ns) {
  if (file.size == 0 || file.chunks.Count() != 0 || !streams_.all().empty()) return false;
  if (services_.lead.WasReadWhole(file_id_)) return false;  // the page cache has it
  streams_.Expect({0, 0}, std::min(window, services_.StreamBudget() / 2), now_ns);
  return true;
}

bool PrefetchPlanner::BeginLead(const FileView& file, int64_t now_ns) {
  if (lead_.on() || file.size == 0) return false;
  if (!services_.filler.on() || !services_.lead.HasCredit(now_ns)) return false;
  if (services_.lead.WasReadWhole(file_id_)) return false;
  lead_.Begin(file.delivered, file.unread_bytes, now_ns);
  std::erase_if(streams_.all(), [](const Stream& stream) { return stream.handles.empty(); });  // of Expect
  return true;
}

void PrefetchPlanner::OnFetch(uint64_t bytes) {
  if (lead_.on()) lead_.OnFetch(bytes);
}

void PrefetchPlanner::Pause(int64_t now_ns) { paused_until_ns_ = now_ns + kPauseNs; }

void PrefetchPlanner::OnEvictedUnread(ByteRange range) {
  for (Stream& stream : streams_.all())
    if (stream.Wants(range)) stream.window = std::max(stream.window / 2, MemoryPool::kBlockBytes);
}

bool PrefetchPlanner::OnClosed(const FileView& file) {
  if (lead_.NobodyCame()) return false;
  const uint64_t read = (lead_.on() ? lead_.read() : file.delivered).TotalBytes();  // 0: the page cache had it all
  if (std::exchange(read_past_, false)) services_.signs.closed_lately.Note(file_id_, PrefetchServices::NowNs());
  if (file.size >= ReadPace::kLargeFileBytes && read != 0 && read < file.size / 2) {
    services_.pace.OnFileGivenUp();
    services_.lead.OnGivenUp();
  }
  lead_.End();
  lead_.OnClosed();
  pull_.OnClosed();
  streams_.Clear();
  whole_noted_ = false;
  next_asked_ = false;
  return true;
}

bool PrefetchPlanner::DropIdle(int64_t now_ns) {
  if (streams_.all().empty() && lead_.NobodyCameFor(ShardLead::kIdleNs, now_ns)) {
    services_.lead.OnGivenUp();
    lead_.End();
    return true;
  }
  return streams_.DropIdle(now_ns - kStreamIdleNs);
}

bool PrefetchPlanner::NearReader(ByteRange range, int64_t now_ns) const {
  return std::any_of(streams_.all().begin(), streams_.all().end(), [&](const Stream& stream) {
    return stream.used_ns + kReaderNs > now_ns && stream.high + kReaderBytes > range.begin && stream.high < range.end;
  });
}

bool PrefetchPlanner::WantsPageFill(ByteRange range, int64_t now_ns) const {
  if (lead_.on()) return !NearReader(range, now_ns);
  return std::any_of(streams_.all().begin(), streams_.all().end(), [&](const Stream& stream) {
    return stream.confirmed && !stream.backward && stream.handles.size() == 1 &&
           stream.window >= PageFiller::kWindowBytesMin && stream.Wants(range) &&
           stream.high + kReaderBytes <= range.begin;
  });
}

uint64_t PrefetchPlanner::TripwireAfter(uint64_t position, uint64_t file_bytes) const {
  const auto multiple = [position](uint64_t every) { return (position / every + 1) * every; };
  if (!lead_.on()) return multiple(PageFiller::kTripwireEvery);
  const uint64_t end = PageUp(file_bytes, services_.options.page_bytes);
  if (position < PageFiller::kFirstTripwire) return std::min(PageFiller::kFirstTripwire, end);
  return std::min(multiple(PageFiller::kLeadTripwireEvery), end);
}

size_t PrefetchPlanner::CountActive(int64_t now_ns, uint64_t& window_bytes) const {
  for (const Stream& stream : streams_.all())
    if (stream.used_ns > now_ns - PrefetchServices::kActiveNs) window_bytes += stream.window;
  return streams_.ActiveCount(now_ns - PrefetchServices::kActiveNs);
}

void PrefetchPlanner::Explain(Explanation& lines) const {
  lines.push_back(StrCat("whole-file pull: ", pull_.on() ? "on" : "off"));
  if (lead_.on())
    lines.push_back(StrCat("fetched ahead as the next of a run: ", lead_.held_bytes(), " bytes not read yet"));
  for (const Stream& stream : streams_.all()) {
    if (!stream.confirmed) continue;
    lines.push_back(StrCat("stream at ", stream.Edge(), ": ", stream.backward ? "backward" : "forward", ", window ",
                           stream.window, ", ahead ", stream.Ahead(), ", read ", stream.consumed));
  }
}

}  // namespace ossfs2
