// Opens and closes of a CachedFile, and what is told of it.
#include <utility>

#include "base/values/str.h"
#include "data/read/file/cached_file.h"

namespace ossfs2 {

void CachedFile::CloseHandle(uint64_t handle) {
  Garbage garbage;
  MutexLock lock(mutex_);
  pages_.RemoveDirect(handle);
  if (planner_.CloseHandle(handle)) GiveUpUnneeded(ReadCore::NowNs(), garbage);
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
    if (!planner_.OnClosed(View())) return;
    if (PageCacheKeeps() || (core_->options.page_cache && core_->SavesProcessor())) HurryDelivered();
    pages_.OnClosed();
    if (const uint64_t asked = std::exchange(head_asked_, 0); asked != 0) {
      const auto read = delivered_.Find(0);
      core_->head_size.OnClosed(asked, read ? read->end : 0, FileBytes());
    }
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
  planner_.ForgetStreams();
  head_asked_ = 0;
  delivered_.Clear();
  crc_.Clear();
  TakeEverything(garbage);
}

void CachedFile::Rebind(const ObjectVersion& version) {
  std::vector<PendingRef> parked;
  {
    MutexLock lock(mutex_);
    if (!served_.Rebind(version, ReadCore::NowNs()) || !replacement_.refused()) return;
    parked = replacement_.Settle();
  }
  Resume(parked);
}

bool CachedFile::stale() const {
  MutexLock lock(mutex_);
  return served_.stale().has_value();
}

// The kernel may believe a size of before, and learns the true one from the short answer to the last bytes: unless it
// has had one to a read behind them meanwhile, which tells it that the file ends there, and zeros come before. So those
// are answered after the last bytes. True: the read is one of them, and `done` is taken.
bool CachedFile::WaitsForEnd(ByteRange range, ReadDone& done) {
  if (range.empty()) {
    if (ends_ > 0) behind_.push_back(std::move(done));
    return ends_ > 0;
  }
  ++ends_;
  done = [self = shared_from_this(), last = std::move(done)](Result<ReadReply> reply) {
    last(std::move(reply));
    self->EndAnswered();
  };
  return false;
}

void CachedFile::EndAnswered() {
  std::vector<ReadDone> behind;
  std::optional<Error> refusal;
  {
    MutexLock lock(mutex_);
    if (--ends_ == 0) behind.swap(behind_);
    refusal = Refusal();  // of a version that ended meanwhile nobody may learn the end
  }
  for (const ReadDone& done : behind) done(refusal ? Result<ReadReply>(*refusal) : Result<ReadReply>(ReadReply()));
}

// Called under locks: Tick lets the chunks go. Reads on their way may finish: the kernel sent them before it knew.
void CachedFile::Retire(const ObjectVersion& version) {
  MutexLock lock(mutex_);
  if (!served_.Retire(version)) return;
  pages_.OnDropped();
  planner_.ForgetStreams();
}

void CachedFile::EndRetired() {
  Outcome outcome;
  {
    Garbage garbage;
    MutexLock lock(mutex_);
    if (!served_.stale()) return;
    BecomeStale(Error(*served_.stale()), outcome, garbage);
  }
  for (const PendingRef& read : outcome.failed) Fail(read, *outcome.error);
}

bool CachedFile::Adopt(const ObjectVersion& version) {
  MutexLock lock(mutex_);
  return served_.Adopt(version, replacement_.running(), ReadCore::NowNs());
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
  for (const PendingRef& read : parked) StartRead(read, Memory::kNone);
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
  if (served_.stale() && chunks_.Count() != 0) TakeEverything(garbage);
  if (planner_.DropIdle(now_ns)) GiveUpUnneeded(now_ns, garbage);
  return planner_.CountActive(now_ns, window_bytes);
}

void CachedFile::CancelAll() {
  std::vector<PendingRef> parked;
  {
    Garbage garbage;
    MutexLock lock(mutex_);
    planner_.ForgetStreams();
    parked = replacement_.Settle();
    for (const auto& [begin, chunk] : chunks_.all())
      if (chunk->call) garbage.cancel.push_back(chunk->call);
    TakeEverything(garbage);
  }
  Resume(parked);  // which refuses them
}

bool CachedFile::HoldsNothing() const {
  MutexLock lock(mutex_);
  return chunks_.Count() == 0 && fetches_ == 0 && !planner_.HasStreams() && !planner_.lead().on();
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
  if (replacement_.running())
    lines.push_back(StrCat("object being replaced by this mount: ", replacement_.parked(), " reads wait for it"));
  if (served_.stale()) lines.push_back(StrCat("stale: ", served_.stale()->text));
  if (served_.deleted()) lines.push_back(StrCat("deleted: ", served_.deleted()->text));
  planner_.Explain(lines);
}

}  // namespace ossfs2
