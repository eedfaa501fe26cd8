// What a CachedFile fetches ahead of its readers.
#include <algorithm>

#include "data/read/cached_file.h"
#include "data/read/stream_window.h"

namespace ossfs2 {
namespace {

constexpr int64_t kPausedReaderNs = 3'000'000'000;   // then nothing more is fetched for it
constexpr uint64_t kNextFileBytesMax = 256ull << 20;  // of the next shard, before anybody opens it
constexpr uint64_t kFileHeadBytes = 8ull << 20;
constexpr uint64_t kWholeFileBytes = 16ull << 20;    // pulled ahead of faults at first

}  // namespace

CachedFile::After CachedFile::NoteRead(uint64_t handle, ByteRange range, bool waited, int64_t now_ns) {
  After after;
  if (core_->options.concurrency <= 0) return after;
  Bridge(range);
  lead_.OnRead(range, delivered_);
  Stream* stream = streams_.OnRead(handle, range, now_ns);
  const bool continues = stream->consumed > range.size() || stream->confirmed;
  if (stream->confirmed && !stream->counted) {
    stream->counted = true;
    // Only from the begin of a file: ranks that fault here and there have many streams.
    stream->carried = stream->backward || stream->begin >= kFileHeadBytes ? 0 : core_->pace.CarriedWindow();
    stream->window = std::max(stream->window, FirstWindow(stream->consumed, stream->carried));
    core_->active_streams.fetch_add(1, std::memory_order_relaxed);
    pull_.OnRunConfirmed();
  }
  if (stream->confirmed) {
    stream->window = SteadyWindow(stream->window, stream->consumed, core_->StreamBudget());
    if (core_->ReadFromCache()) stream->window = std::min(stream->window, kHotWindowBytesMax);
  }
  if (waited) NoteWait(*stream, range);
  if (stream->confirmed && PastPageCache()) {
    const auto before = delivered_.Find(range.begin);
    if (before && before->end >= range.end) core_->NoteFollower(now_ns);
  }
  after.next_all = NoteWhole(*stream, now_ns);
  after.refill = lead_.TakeRefill();
  if (core_->options.detect_whole_file && pull_.MayBegin() && !lead_.on()) {
    pull_.OnRead(range, continues, FileBytes());
    const uint64_t most = delivered_.TotalBytes() / 4 * 3;
    const bool one_reader = std::any_of(streams_.all().begin(), streams_.all().end(), [most](const Stream& other) {
      return other.confirmed && other.consumed >= most;
    });
    const bool like_the_last = FileBytes() >= ReadPace::kLargeFileBytes && continues && core_->pace.CarriedInPieces();
    if (like_the_last || (!one_reader && pull_.Detected(FileBytes()))) {
      pull_.Begin();
      core_->metrics.whole_files.Add();
    }
  }
  pull_.EndIfWasted(std::max(kWholeFileBytes, delivered_.TotalBytes() / 4));
  after.pump = pull_.on() || lead_.fetching() || (stream->confirmed && WindowOpen(*stream));
  const bool at_end = pull_.complete() || (stream->confirmed && !stream->backward && stream->frontier >= FileBytes());
  if (core_->options.prefetch_next_shard && !next_asked_ && at_end && delivered_.TotalBytes() >= FileBytes() / 2) {
    next_asked_ = true;
    const uint64_t window = pull_.complete() ? WholeAllowed() : stream->window;
    after.next_window = std::min({kNextFileBytesMax, std::max(window, kWindowFreeBytes), FileBytes()});
  }
  return after;
}

// A large file was read to its end: tells those that start the next. Whether the next is to be fetched whole.
bool CachedFile::NoteWhole(const Stream& stream, int64_t now_ns) {
  if (whole_noted_ || FileBytes() < ReadPace::kLargeFileBytes) return false;
  if ((lead_.on() ? lead_.read() : delivered_).TotalBytes() < FileBytes() / 8 * 7) return false;
  whole_noted_ = true;
  // What O_DIRECT reads, it does not look for in the page cache.
  const bool in_page_cache = !pages_.AnyDirect();
  if (in_page_cache) core_->lead.OnReadWhole(file_id_, FileBytes(), now_ns);
  if (lead_.on())  // its readers came seldom, which says nothing of windows
    core_->pace.OnFileReadWhole(core_->pace.CarriedWindow(), core_->pace.CarriedInPieces());
  else
    core_->pace.OnFileReadWhole(InPieces() ? WholeAllowed() : stream.window, InPieces());
  return in_page_cache && AskNextAll();
}

// The reader had to wait: the window was too small, unless it was not even asked for yet.
void CachedFile::NoteWait(Stream& stream, ByteRange range) {
  uint64_t position = range.begin;
  const ChunkRef* chunk = chunks_.Find(position);
  while (chunk != nullptr && !(*chunk)->fetching && (*chunk)->range.end < range.end) {
    position = (*chunk)->range.end;
    chunk = chunks_.Find(position);
  }
  if (chunk == nullptr) {
    const auto delivered = delivered_.Find(position);
    if (delivered && delivered->end >= range.end) {
      stream.reread = true;
      core_->NoteShared(ReadCore::NowNs());
    }
  } else if ((*chunk)->wait_counted) {
    return;
  } else {
    (*chunk)->wait_counted = true;
  }
  if (!stream.confirmed) return;
  const uint64_t budget = core_->StreamBudget();
  const uint64_t piece = core_->PieceBytesOf(stream.window);
  if (chunk != nullptr && stream.Ahead() + piece < stream.window) return;
  const uint64_t bound = std::min(WindowBound(stream.consumed, stream.carried), core_->UsefulWindow());
  stream.window = GrownWindow(stream.window, bound, budget);
}

bool CachedFile::WindowOpen(const Stream& stream) const {
  if (stream.backward ? stream.frontier == 0 : stream.frontier >= FileBytes()) return false;
  const uint64_t budget = core_->StreamBudget();
  const uint64_t window = std::min(stream.window, budget);
  const uint64_t ahead = stream.Ahead();
  const uint64_t left = stream.backward ? stream.low : FileBytes() - std::min(FileBytes(), stream.high);
  if (ahead == 0 || window >= left) return true;
  return ahead + core_->PieceBytesOf(stream.window) <= window;
}

uint64_t CachedFile::SkipHeld(uint64_t position, uint64_t stop, bool delivered_too) const {
  while (position < stop) {
    if (const ChunkRef* chunk = chunks_.Find(position)) {
      position = (*chunk)->range.end;
      continue;
    }
    const auto delivered = delivered_too ? delivered_.Find(position) : std::nullopt;
    if (!delivered) break;
    position = delivered->end;
  }
  return position;
}

std::optional<ByteRange> CachedFile::PickForward(Stream& stream) {
  const uint64_t size = FileBytes();
  const uint64_t budget = core_->StreamBudget();
  stream.window = std::min(stream.window, std::max(budget, MemoryPool::kBlockBytes));
  const uint64_t target = std::min(size, stream.high + stream.window);
  const uint64_t piece = core_->PieceBytesOf(stream.window);
  const uint64_t position = SkipHeld(std::max(stream.frontier, stream.high), target, !stream.reread);
  stream.frontier = std::max(stream.frontier, position);
  if (position >= target) return std::nullopt;
  const uint64_t delivered = stream.reread ? UINT64_MAX : delivered_.NextBegin(position);
  const uint64_t stop = std::min({size, chunks_.NextBegin(position), delivered});
  // A window that has moved on a little is not worth a GET yet.
  if (target - position < piece && target < size && stop > target && position > stream.high) return std::nullopt;
  // A short rest goes along, rather than in a GET of its own.
  const bool rest = stop - position <= piece + piece / 2 && stop - position <= core_->options.chunk_bytes;
  return ByteRange{position, rest ? stop : std::min(position + piece, stop)};
}

std::optional<ByteRange> CachedFile::PickBackward(Stream& stream) {
  const uint64_t budget = core_->StreamBudget();
  stream.window = std::min(stream.window, std::max(budget, MemoryPool::kBlockBytes));
  const uint64_t target = stream.low > stream.window ? stream.low - stream.window : 0;
  const uint64_t piece = core_->PieceBytesOf(stream.window);
  uint64_t position = std::min(stream.frontier, stream.low);
  while (position > target) {
    const ChunkRef* chunk = chunks_.Find(position - 1);
    if (chunk == nullptr) break;
    position = (*chunk)->range.begin;
  }
  stream.frontier = position;
  if (position <= target) return std::nullopt;
  if (position - target < piece && target > 0 && position < stream.low) return std::nullopt;
  const uint64_t begin = position > piece ? position - piece : 0;
  return ByteRange{std::max(begin, chunks_.PreviousEnd(position)), position};
}

// Ranks read the same tensors at different times: most of the memory is for what they share.
uint64_t CachedFile::WholeAllowed() const {
  const uint64_t proven = std::max({kWholeFileBytes, delivered_.TotalBytes() / 2, core_->pace.CarriedWindow()});
  return std::min({core_->StreamBudget(), core_->PrefetchBytesMax() / 3, proven});
}

// The rest of a file that is read in pieces, in order, paced by what its readers have taken.
std::optional<ByteRange> CachedFile::PickWhole() {
  if (!pull_.on()) return std::nullopt;
  const uint64_t size = FileBytes();
  const uint64_t allowed = WholeAllowed();
  const uint64_t piece = core_->PieceBytesOf(allowed);
  if (unread_bytes_ + piece > allowed) return std::nullopt;
  for (int pass = 0; pass < 2; ++pass) {
    const uint64_t position = SkipHeld(pull_.position(), size, true);
    if (position < size) {
      const uint64_t stop = std::min({size, chunks_.NextBegin(position), delivered_.NextBegin(position)});
      pull_.MoveTo(std::min(position + piece, stop));
      return ByteRange{position, pull_.position()};
    }
    pull_.MoveTo(0);
  }
  pull_.Complete();  // all of it is here or was read
  return std::nullopt;
}

std::optional<ByteRange> CachedFile::PickPrefetch(int64_t now_ns) {
  if (now_ns < prefetch_paused_until_ns_ || replacement_.refused() || deleted_) return std::nullopt;
  // The stream with the least ahead of it first.
  std::vector<Stream*> order;
  for (Stream& stream : streams_.all())
    if (stream.confirmed && stream.used_ns + kPausedReaderNs > now_ns && WindowOpen(stream)) order.push_back(&stream);
  std::sort(order.begin(), order.end(), [](const Stream* a, const Stream* b) { return a->Ahead() < b->Ahead(); });
  for (Stream* stream : order) {
    const std::optional<ByteRange> range = stream->backward ? PickBackward(*stream) : PickForward(*stream);
    if (range) return range;
  }
  const std::optional<ByteRange> whole = PickWhole();
  return whole ? whole : PickLead();
}

void CachedFile::Pump() {
  {
    MutexLock lock(mutex_);
    pump_again_ = true;
    if (pumping_) return;
    pumping_ = true;
  }
  for (;;) {
    {
      MutexLock lock(mutex_);
      if (!pump_again_) {
        pumping_ = false;
        break;
      }
      pump_again_ = false;
    }
    while (PumpOne()) {
    }
  }
  LeadToNext();
}

bool CachedFile::PumpOne() {
  std::optional<ByteRange> range;
  bool resumes = false;
  const int share = core_->scheduler.FileShare();
  {
    MutexLock lock(mutex_);
    // In both cases of too many in flight the end of one of them pumps again.
    if (Refusal() || prefetches_ >= share) return false;
    const int64_t now_ns = ReadCore::NowNs();
    range = PickPrefetch(now_ns);
    // What is fetched before anybody reads it has no reader that pumps it when the pause ends.
    resumes = !range && lead_.fetching() && now_ns < prefetch_paused_until_ns_;
  }
  if (resumes) core_->scheduler.WaitForTurn(shared_from_this());
  if (!range) return false;
  if (!core_->scheduler.TryStartPrefetch(shared_from_this())) return false;
  std::vector<BlockRef> blocks = core_->AllocatePrefetch(BlocksFor(range->size()));
  if (blocks.empty()) {
    core_->scheduler.ReturnPlace();
    core_->scheduler.WaitForTurn(shared_from_this());
    return false;
  }
  std::optional<Start> start;
  {
    MutexLock lock(mutex_);
    const std::vector<ByteRange> gaps = chunks_.Gaps(*range);
    if (!Refusal() && gaps.size() == 1 && gaps.front() == *range)
      start = MakeChunk(*range, std::move(blocks), false, true);
    if (start && lead_.on()) lead_.OnFetch(range->size());
  }
  if (!start) {
    core_->scheduler.ReturnPlace();  // a reader came first; look again
    return true;
  }
  Launch(std::move(*start));
  return true;
}

}  // namespace ossfs2
