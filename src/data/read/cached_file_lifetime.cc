// Opens and closes of a CachedFile, and what is told of it.
#include <cerrno>

#include "base/str.h"
#include "data/read/cached_file.h"

namespace ossfs2 {
namespace {

constexpr int64_t kStreamIdleNs = 30'000'000'000;  // then a stream is forgotten
// Who looked a version up before it was replaced opens it within this time.
constexpr int64_t kLateOpenNs = 10'000'000'000;

}  // namespace

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
  pages_.RemoveDirect(handle);
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
    if (lead_.NobodyCame()) return;  // only looked at: its readers are yet to come
    const uint64_t read = (lead_.on() ? lead_.read() : delivered_).TotalBytes();  // 0: the page cache had it all
    if (FileBytes() >= ReadPace::kLargeFileBytes && read != 0 && read < FileBytes() / 2) {
      core_->pace.OnFileGivenUp();
      core_->lead.OnGivenUp();
    }
    lead_.End();
    lead_.OnClosed();
    pull_.OnClosed();
    streams_.Clear();
    whole_noted_ = false;
    next_asked_ = false;
    if (PageCacheKeeps() || (core_->options.page_cache && core_->SavesProcessor())) HurryDelivered();
    pages_.OnClosed();
    delivered_.Clear();
    // Nobody is left to come to the tripwires between them.
    for (const auto& [begin, chunk] : chunks_.all()) CountPagesAsRead(*chunk);
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

void CachedFile::SetVersion(const ObjectVersion& version) {
  versions_.push_back(version);
  ++generation_;
  deleted_.reset();
}

void CachedFile::Rebind(const ObjectVersion& version) {
  std::vector<PendingRef> parked;
  {
    MutexLock lock(mutex_);
    if (versions_.back() == version) return;
    replaced_ = versions_.back();
    replaced_ns_ = ReadCore::NowNs();
    SetVersion(version);
    if (!replacement_.refused()) return;
    parked = replacement_.Settle();
  }
  Resume(parked);
}

bool CachedFile::stale() const {
  MutexLock lock(mutex_);
  return stale_.has_value();
}

// Called under locks: Tick lets the chunks go. Reads on their way may finish: the kernel sent them before it knew.
void CachedFile::Retire(const ObjectVersion& version) {
  MutexLock lock(mutex_);
  if (stale_ || versions_.back().SameBytes(version)) return;
  stale_ = MakeError(ESTALE, ErrorKind::kVersionChanged,
                     StrCat(versions_.back().key, " was replaced by another host; open it again"));
  pages_.OnDropped();
  streams_.Clear();
}

bool CachedFile::Adopt(const ObjectVersion& version) {
  MutexLock lock(mutex_);
  if (stale_) return false;
  if (versions_.back().SameBytes(version)) {
    // While it is replaced the holder knows best.
    if (!replacement_.running() && versions_.back() != version) SetVersion(version);
    deleted_.reset();  // whoever opens it has seen it
    return true;
  }
  if (!replaced_ || !replaced_->SameBytes(version)) return false;
  if (replacement_.running()) return true;
  return version.key == versions_.back().key && ReadCore::NowNs() - replaced_ns_ <= kLateOpenNs;
}

void CachedFile::BeginReplacement() {
  MutexLock lock(mutex_);
  replacement_.Begin();
}

void CachedFile::EndReplacement() {
  std::vector<PendingRef> parked;
  {
    MutexLock lock(mutex_);
    parked = replacement_.End();
  }
  Resume(parked);
}

void CachedFile::Resume(const std::vector<PendingRef>& parked) {
  for (const PendingRef& read : parked) StartRead(read, {}, false);
  Pump();
}

void CachedFile::GiveUpWaiting(int64_t now_ns) {
  Outcome outcome;
  {
    Garbage garbage;
    MutexLock lock(mutex_);
    const std::optional<Error> error = replacement_.Overdue(core_->options.replacement_wait_max, now_ns);
    if (!error) return;
    BecomeStale(*error, outcome, garbage);
  }
  for (const PendingRef& read : outcome.failed) Fail(read, *outcome.error);
}

size_t CachedFile::Tick(int64_t now_ns, uint64_t& window_bytes) {
  GiveUpWaiting(now_ns);
  Garbage garbage;
  MutexLock lock(mutex_);
  if (stale_ && chunks_.Count() != 0) TakeEverything(garbage);
  if (streams_.all().empty() && lead_.NobodyCameFor(ShardLead::kIdleNs, now_ns)) {
    core_->lead.OnGivenUp();
    lead_.End();
    GiveUpUnneeded(now_ns, garbage);
  }
  if (streams_.DropIdle(now_ns - kStreamIdleNs)) GiveUpUnneeded(now_ns, garbage);
  for (const Stream& stream : streams_.all())
    if (stream.used_ns > now_ns - ReadCore::kActiveNs) window_bytes += stream.window;
  return streams_.ActiveCount(now_ns - ReadCore::kActiveNs);
}

void CachedFile::CancelAll() {
  std::vector<PendingRef> parked;
  {
    Garbage garbage;
    MutexLock lock(mutex_);
    streams_.Clear();
    parked = replacement_.Settle();
    for (const auto& [begin, chunk] : chunks_.all())
      if (chunk->call) garbage.cancel.push_back(chunk->call);
    TakeEverything(garbage);
  }
  Resume(parked);  // which refuses them
}

bool CachedFile::HoldsNothing() const {
  MutexLock lock(mutex_);
  return chunks_.Count() == 0 && fetches_ == 0 && streams_.all().empty() && !lead_.on();
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
  lines.push_back(StrCat("whole-file pull: ", pull_.on() ? "on" : "off"));
  if (replacement_.running())
    lines.push_back(StrCat("object being replaced by this mount: ", replacement_.parked(), " reads wait for it"));
  if (lead_.on()) lines.push_back(StrCat("fetched ahead as the next of a run: ", lead_.held_bytes(), " bytes not read yet"));
  if (stale_) lines.push_back(StrCat("stale: ", stale_->text));
  if (deleted_) lines.push_back(StrCat("deleted: ", deleted_->text));
  for (const Stream& stream : streams_.all()) {
    if (!stream.confirmed) continue;
    lines.push_back(StrCat("stream at ", stream.Edge(), ": ", stream.backward ? "backward" : "forward", ", window ",
                           stream.window, ", ahead ", stream.Ahead(), ", read ", stream.consumed));
  }
}

}  // namespace ossfs2
