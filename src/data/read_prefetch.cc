// What a CachedFile fetches ahead of its readers.
#include <algorithm>

#include "base/str.h"
#include "data/read_file.h"
#include "data/stream_window.h"

namespace ossfs2 {
namespace {

constexpr int64_t kStreamIdleNs = 30'000'000'000;    // then a stream is forgotten
constexpr int64_t kPausedReaderNs = 3'000'000'000;   // then nothing more is fetched for it
constexpr uint64_t kNextFileBytesMax = 256ull << 20;  // of the next shard, before anybody opens it
constexpr uint64_t kFileHeadBytes = 8ull << 20;
constexpr uint64_t kWholeFileBytes = 16ull << 20;    // pulled ahead of faults at first

}  // namespace

CachedFile::After CachedFile::NoteRead(uint64_t handle, ByteRange range, bool waited, int64_t now_ns) {
  After after;
  if (core_->options.concurrency <= 0) return after;
  Bridge(range);
  NoteLeadRead(range);
  Stream* stream = streams_.OnRead(handle, range, now_ns);
  const bool continues = stream->consumed > range.size() || stream->confirmed;
  if (stream->confirmed && !stream->counted) {
    stream->counted = true;
    // Only from the begin of a file: ranks that fault here and there have many streams.
    stream->carried = stream->backward || stream->begin >= kFileHeadBytes ? 0 : core_->pace.CarriedWindow();
    stream->window = std::max(stream->window, FirstWindow(stream->consumed, stream->carried));
    core_->active_streams.fetch_add(1, std::memory_order_relaxed);
    detector_.OnRunConfirmed();
  }
  if (stream->confirmed) {
    stream->window = SteadyWindow(stream->window, stream->consumed, core_->StreamBudget());
    if (core_->ReadFromCache()) stream->window = std::min(stream->window, kHotWindowBytesMax);
  }
  if (waited) NoteWait(*stream, range);
  after.next_all = NoteWhole(*stream, now_ns);
  after.refill = lead_ && store_failed_ && !lead_refilled_;
  lead_refilled_ = lead_refilled_ || after.refill;
  if (core_->options.detect_whole_file && !whole_ && !whole_refused_ && !lead_) {
    detector_.OnRead(range, continues, FileBytes());
    const uint64_t most = delivered_.TotalBytes() / 4 * 3;
    const bool one_reader = std::any_of(streams_.all().begin(), streams_.all().end(), [most](const Stream& other) {
      return other.confirmed && other.consumed >= most;
    });
    const bool like_the_last = FileBytes() >= ReadPace::kLargeFileBytes && continues && core_->pace.CarriedInPieces();
    if (like_the_last || (!one_reader && detector_.Detected(FileBytes()))) {
      whole_ = true;
      core_->metrics.whole_files.Add();
    }
  }
  if (whole_ && whole_wasted_ > std::max(kWholeFileBytes, delivered_.TotalBytes() / 4)) {
    whole_ = false;
    whole_refused_ = true;
  }
  after.pump = whole_ || (lead_ && !lead_complete_) || (stream->confirmed && WindowOpen(*stream));
  const bool at_end = whole_complete_ || (stream->confirmed && !stream->backward && stream->frontier >= FileBytes());
  if (core_->options.prefetch_next_shard && !next_asked_ && at_end && delivered_.TotalBytes() >= FileBytes() / 2) {
    next_asked_ = true;
    const uint64_t window = whole_complete_ ? WholeAllowed() : stream->window;
    after.next_window = std::min({kNextFileBytesMax, std::max(window, kWindowFreeBytes), FileBytes()});
  }
  return after;
}

// A large file was read to its end: tells those that start the next. Whether the next is to be fetched whole.
bool CachedFile::NoteWhole(const Stream& stream, int64_t now_ns) {
  if (whole_noted_ || FileBytes() < ReadPace::kLargeFileBytes) return false;
  if ((lead_ ? lead_read_ : delivered_).TotalBytes() < FileBytes() / 8 * 7) return false;
  whole_noted_ = true;
  // What O_DIRECT reads, it does not look for in the page cache.
  const bool in_page_cache = direct_handles_.empty();
  if (in_page_cache) core_->lead.OnReadWhole(file_id_, FileBytes(), now_ns);
  if (lead_)  // its readers came seldom, which says nothing of windows
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
  if (!whole_) return std::nullopt;
  const uint64_t size = FileBytes();
  const uint64_t allowed = WholeAllowed();
  const uint64_t piece = core_->PieceBytesOf(allowed);
  if (unread_bytes_ + piece > allowed) return std::nullopt;
  for (int pass = 0; pass < 2; ++pass) {
    const uint64_t position = SkipHeld(whole_position_, size, true);
    if (position < size) {
      const uint64_t stop = std::min({size, chunks_.NextBegin(position), delivered_.NextBegin(position)});
      whole_position_ = std::min(position + piece, stop);
      return ByteRange{position, whole_position_};
    }
    whole_position_ = 0;
  }
  whole_ = false;  // all of it is here or was read
  whole_complete_ = true;
  whole_refused_ = true;
  return std::nullopt;
}

std::optional<ByteRange> CachedFile::PickPrefetch() {
  const int64_t now_ns = ReadCore::NowNs();
  if (now_ns < prefetch_paused_until_ns_) return std::nullopt;
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
  const int share = core_->scheduler.FileShare();
  {
    MutexLock lock(mutex_);
    // In both cases of too many in flight the end of one of them pumps again.
    if (Refusal() || prefetches_ >= share) return false;
    range = PickPrefetch();
  }
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
    if (start && lead_) {
      core_->lead.Take(range->size());
      lead_held_ += range->size();
    }
  }
  if (!start) {
    core_->scheduler.ReturnPlace();  // a reader came first; look again
    return true;
  }
  Launch(std::move(*start));
  return true;
}

void CachedFile::Expect(uint64_t window) {
  {
    MutexLock lock(mutex_);
    if (Refusal() || FileBytes() == 0 || chunks_.Count() != 0 || !streams_.all().empty()) return;
    if (core_->lead.WasReadWhole(file_id_)) return;  // the page cache has it
    streams_.Expect({0, 0}, std::min(window, core_->StreamBudget() / 2), ReadCore::NowNs());
  }
  Pump();
}

void CachedFile::CloseHandle(uint64_t handle) {
  Garbage garbage;
  MutexLock lock(mutex_);
  std::erase(direct_handles_, handle);
  if (streams_.CloseHandle(handle)) GiveUpUnneeded(ReadCore::NowNs(), garbage);
}

// What was read of a file that is closed now. Some of its GETs may not be settled yet.
void CachedFile::HurryDelivered() {
  for (const auto& [begin, chunk] : chunks_.all()) {
    if (!WasDelivered(*chunk)) continue;
    chunk->spent = true;
    core_->cache.Hurry(*chunk);
  }
}

void CachedFile::Closed() {
  {
    Garbage garbage;
    MutexLock lock(mutex_);
    if (lead_ && lead_read_.TotalBytes() == 0) return;  // only looked at: its readers are yet to come
    const uint64_t read = lead_ ? lead_read_.TotalBytes() : delivered_.TotalBytes();  // 0: the page cache had it all
    if (FileBytes() >= ReadPace::kLargeFileBytes && read != 0 && read < FileBytes() / 2) {
      core_->pace.OnFileGivenUp();
      core_->lead.OnGivenUp();
    }
    EndLead();
    streams_.Clear();
    fill_stopped_ = false;
    whole_noted_ = false;
    whole_complete_ = false;
    whole_ = false;
    whole_position_ = 0;
    next_asked_ = false;
    next_all_asked_ = false;
    if (PageCacheKeeps()) HurryDelivered();
    past_page_cache_ = false;
    delivered_.Clear();
    detector_ = {};
    if (core_->options.cache_until_close)
      TakeEverything(garbage);
    else
      GiveUpUnneeded(ReadCore::NowNs(), garbage);
  }
  core_->RelievePressure();
  core_->PumpLead();
}

void CachedFile::DropAll() {
  Garbage garbage;
  MutexLock lock(mutex_);
  streams_.Clear();
  delivered_.Clear();
  crc_.Clear();
  TakeEverything(garbage);
}

void CachedFile::Rebind(const ObjectVersion& version) {
  MutexLock lock(mutex_);
  if (versions_.back() == version) return;
  versions_.push_back(version);
  ++generation_;
}

size_t CachedFile::Tick(int64_t now_ns, uint64_t& window_bytes) {
  Garbage garbage;
  MutexLock lock(mutex_);
  if (lead_ && streams_.all().empty() && lead_read_.TotalBytes() == 0 && now_ns - lead_ns_ > ShardLead::kIdleNs) {
    core_->lead.OnGivenUp();  // nobody came
    EndLead();
    GiveUpUnneeded(now_ns, garbage);
  }
  if (streams_.DropIdle(now_ns - kStreamIdleNs)) GiveUpUnneeded(now_ns, garbage);
  for (const Stream& stream : streams_.all())
    if (stream.used_ns > now_ns - ReadCore::kActiveNs) window_bytes += stream.window;
  return streams_.ActiveCount(now_ns - ReadCore::kActiveNs);
}

void CachedFile::CancelAll() {
  Garbage garbage;
  MutexLock lock(mutex_);
  streams_.Clear();
  for (const auto& [begin, chunk] : chunks_.all())
    if (chunk->call) garbage.cancel.push_back(chunk->call);
  TakeEverything(garbage);
}

bool CachedFile::HoldsNothing() const {
  MutexLock lock(mutex_);
  return chunks_.Count() == 0 && fetches_ == 0 && streams_.all().empty() && !lead_;
}

bool CachedFile::IsStale() const {
  MutexLock lock(mutex_);
  return stale_.has_value();
}

void CachedFile::Explain(Explanation& lines) const {
  MutexLock lock(mutex_);
  uint64_t held = 0;
  uint64_t fetching = 0;
  for (const auto& [begin, chunk] : chunks_.all()) (chunk->fetching ? fetching : held) += chunk->range.size();
  lines.push_back(StrCat("bytes read: ", read_bytes_));
  lines.push_back(StrCat("bytes asked of OSS: ", asked_bytes_));
  lines.push_back(StrCat("bytes in memory: ", held));
  lines.push_back(StrCat("bytes in flight: ", fetching, " in ", fetches_, " requests"));
  lines.push_back(StrCat("bytes fetched ahead and not read yet: ", unread_bytes_));
  lines.push_back(StrCat("chunks: ", chunks_.Count()));
  lines.push_back(StrCat("whole-file pull: ", whole_ ? "on" : "off"));
  if (lead_) lines.push_back(StrCat("fetched ahead as the next of a run: ", lead_held_, " bytes not read yet"));
  if (stale_) lines.push_back(StrCat("stale: ", stale_->text));
  for (const Stream& stream : streams_.all()) {
    if (!stream.confirmed) continue;
    lines.push_back(StrCat("stream at ", stream.Edge(), ": ", stream.backward ? "backward" : "forward", ", window ",
                           stream.window, ", ahead ", stream.Ahead(), ", read ", stream.consumed));
  }
}

}  // namespace ossfs2
