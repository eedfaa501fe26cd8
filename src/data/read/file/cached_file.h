// CachedFile: one object version's bytes in memory and on their way, for all its readers.
//
// It answers reads, makes the GETs and wakes who waits for them. What is decided apart from that lies in its parts:
//   ServedVersion    which version of the object these bytes are, and whether it still is the object
//   ReplacementWait  reads that wait while this mount replaces the object by one with the same bytes
//   ChunkMap         what is here or in flight
//   PrefetchPlanner  what to fetch ahead of the readers
//   FilePages        whether bytes may be put into the kernel's page cache
//
// A read takes the bytes that are there, joins what is in flight and makes GETs for the gaps
// only; looking and filling gaps happen under one hold of the lock, so no byte is asked twice
// while it is here. A read that finds no memory waits without holding any: it is granted
// its whole range at once, in order, so readers never wait for one another in a circle.
// If by then other reads took the room for the gaps, it fetches its range for itself.
//
// A failed prefetch is not an answer: reads that had joined it ask once more on their own.
// A replaced object (If-Match) makes the file stale: all its chunks go, reads get ESTALE. Not while this mount replaces
// it (BeginReplacement): what is there stays, and reads that need more wait for the new version.
//
// Threads: any. mutex_ is held for look-ups only: never over the network, an allocation, a
// callback or the release of memory. Order: mutex_, then ReadCache's, then MemoryPool's.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "base/threads/mutex.h"
#include "data/explanation.h"
#include "data/object_version.h"
#include "data/read/chunks/chunk_map.h"
#include "data/read/file/crc_ledger.h"
#include "data/read/file/read_core.h"
#include "data/read/file/replacement_wait.h"
#include "data/read/file/served_version.h"
#include "data/read/pages/file_pages.h"
#include "data/read/pages/kernel_pages.h"
#include "data/read/plan/prefetch_planner.h"

namespace ossfs2 {

class CachedFile final : public ChunkOwner,
                         public PrefetchSource,
                         public std::enable_shared_from_this<CachedFile> {
 public:
  CachedFile(std::shared_ptr<ReadCore> core, uint64_t file_id, const ObjectVersion& version);

  // --- readers (ReadFile says what these promise) ---
  void Read(uint64_t handle, uint64_t offset, size_t size, ReadInto into, ReadDone done) EXCLUDES(mutex_);
  void CloseHandle(uint64_t handle) EXCLUDES(mutex_);
  // The last handle was closed.
  void Closed() EXCLUDES(mutex_);

  // --- which version it is (ServedVersion) ---
  // Good for the file's life, also after a Rebind.
  const ObjectVersion& version() const EXCLUDES(mutex_);
  bool stale() const EXCLUDES(mutex_);
  bool Adopt(const ObjectVersion& version) EXCLUDES(mutex_);
  void Rebind(const ObjectVersion& version) EXCLUDES(mutex_);
  // Becomes stale unless it has the bytes of that version.
  void Retire(const ObjectVersion& version) EXCLUDES(mutex_);
  // If it is: refuses what waits for bytes.
  void EndRetired() EXCLUDES(mutex_);
  // Around the time in which this mount replaces the object by one with the same bytes. May overlap.
  void BeginReplacement() EXCLUDES(mutex_);
  void EndReplacement() EXCLUDES(mutex_);

  // --- from the file before it in a run ---
  // A reader of the begin is expected soon: fetches `window` bytes for it.
  void Expect(uint64_t window) EXCLUDES(mutex_);
  // Fetches all of it, as ShardLead allows.
  void ExpectAll() EXCLUDES(mutex_);

  // --- the engine ---
  void StopFilling(StoresUnderWay stores) EXCLUDES(mutex_);
  // Nothing stays; reads on their way finish.
  void DropAll() EXCLUDES(mutex_);
  // At shutdown: nothing stays, and what is in flight is canceled.
  void CancelAll() EXCLUDES(mutex_);
  // Lets idle streams go; returns how many are active, adds their windows.
  size_t Tick(int64_t now_ns, uint64_t& window_bytes) EXCLUDES(mutex_);
  bool HoldsNothing() const EXCLUDES(mutex_);
  void Explain(Explanation& lines) const EXCLUDES(mutex_);

  // --- ReadCache and FetchScheduler ---
  bool Evict(const ChunkRef& chunk, bool may_spare) override EXCLUDES(mutex_);
  void Pump() override EXCLUDES(mutex_);

  // --- the GET of a chunk, on a network thread ---
  void OnReceived(size_t bytes) { core_->scheduler.AddReceived(bytes); }
  // Some waiter's last byte is there.
  void OnFilled(const ChunkRef& chunk) EXCLUDES(mutex_);
  void OnFetchDone(const ChunkRef& chunk, Status status) EXCLUDES(mutex_);

 private:
  static constexpr uint64_t kLongReadBytes = 128ull << 20;  // so much of a file was read: it is for the page cache
  static constexpr uint64_t kSkippedBytesMax = 16ull << 10;  // of a chunk: headers and padding that nobody reads

  // A GET that is to be started without the lock.
  struct Start {
    ChunkRef chunk;
    GetRequest request;
  };
  // What must go, or be canceled, without the lock: declared before it, so that it ends after it.
  struct Garbage {
    std::vector<ChunkRef> chunks;
    std::vector<std::shared_ptr<StoreCall>> cancel;
    ~Garbage();
  };

  // Every byte of it has gone to a reader.
  bool WasDelivered(const Chunk& chunk) const REQUIRES(mutex_) {
    const auto delivered = delivered_.Find(chunk.range.begin);
    return delivered && delivered->end >= chunk.range.end;
  }

  // For what was delivered, as in ReadCore; but O_DIRECT leaves nothing in the page cache, and some programs
  // (llama.cpp) read a little through it before they read the same bytes with O_DIRECT.
  bool PageCacheKeeps() const REQUIRES(mutex_) {
    return delivered_.TotalBytes() >= kLongReadBytes && !pages_.AnyDirectSinceOpen() && core_->PageCacheKeeps();
  }

  bool MayStorePages() const REQUIRES(mutex_) { return pages_.MayStore() && !core_->changing->Has(file_id_); }

  uint64_t FileBytes() const REQUIRES(mutex_) { return served_.current().size; }
  FileView View() const REQUIRES(mutex_) {
    return {FileBytes(), chunks_, delivered_, unread_bytes_, pages_.AnyDirect()};
  }

  // --- cached_file_lifetime.cc: reads that meet the end ---
  bool WaitsForEnd(ByteRange range, ReadDone& done) REQUIRES(mutex_);
  void EndAnswered() EXCLUDES(mutex_);

  // --- cached_file.cc: reads ---
  std::optional<Error> Refusal() const REQUIRES(mutex_);
  bool TryHit(ByteRange range, int64_t now_ns, ReadReply& reply) REQUIRES(mutex_);
  void MarkRead(const ChunkRef& chunk, ByteRange range, int64_t now_ns) REQUIRES(mutex_);
  bool WasRead(const Chunk& chunk) const REQUIRES(mutex_);
  bool WasReadByAll(const Chunk& chunk) const REQUIRES(mutex_);
  void SettleIfRead(const ChunkRef& chunk, int64_t now_ns) REQUIRES(mutex_);
  void CountPagesAsRead(Chunk& chunk) REQUIRES(mutex_);
  void TakeUnread(Chunk& chunk, uint64_t bytes) REQUIRES(mutex_);
  // With the memory that it waited for, or with none yet.
  enum class Memory : uint8_t { kNone, kGranted };
  void StartRead(const PendingRef& read, Memory memory, std::vector<BlockRef> blocks = {}) EXCLUDES(mutex_);
  bool Attach(const PendingRef& read, const std::vector<ByteRange>& gaps, std::vector<BlockRef>& blocks,
              std::vector<Start>& starts) REQUIRES(mutex_);
  bool AttachPrivate(const PendingRef& read, std::vector<BlockRef>& blocks, std::vector<Start>& starts)
      REQUIRES(mutex_);
  bool WaitFor(const PendingRef& read) REQUIRES(mutex_);
  std::vector<ChunkRef> LetGo(PendingRead& read) REQUIRES(mutex_);
  void Finish(const PendingRef& read) EXCLUDES(mutex_);
  void Fail(const PendingRef& read, const Error& error);

  // --- cached_file_fetch.cc: GETs ---
  // What becomes of the reads that waited for a GET.
  struct Outcome {
    std::vector<PendingRef> ready;    // have their bytes
    std::vector<PendingRef> restart;  // ask once more on their own
    std::vector<PendingRef> failed;
    std::optional<Error> error;  // of those that failed
    std::optional<ObjectVersion> gone;  // the bucket has another version, or none
  };
  // What a chunk is fetched for: reads that wait for it (and all that come), one read alone, or reads to come.
  enum class ChunkFor : uint8_t { kReaders, kOneRead, kPrefetch };
  Start MakeChunk(ByteRange range, std::vector<BlockRef> blocks, ChunkFor purpose) REQUIRES(mutex_);
  void Launch(Start start) EXCLUDES(mutex_);
  void LaunchDemand(std::vector<Start> starts) EXCLUDES(mutex_);
  void WakeFilled(Chunk& chunk, uint64_t filled, std::vector<PendingRef>& ready) REQUIRES(mutex_);
  void SettleFailure(const ChunkRef& chunk, const Error& error, Outcome& outcome, Garbage& garbage)
      REQUIRES(mutex_);
  void KeepWhatCame(const ChunkRef& chunk, Garbage& garbage) REQUIRES(mutex_);
  void BecomeStale(const Error& error, Outcome& outcome, Garbage& garbage) REQUIRES(mutex_);
  void Park(const PendingRef& read, Garbage& garbage) REQUIRES(mutex_);
  void CheckCrc(const Chunk& chunk, uint64_t filled) EXCLUDES(mutex_);

  // --- cached_file_chunks.cc: who keeps chunks, and when they go ---
  bool NobodyComesFor(const Chunk& chunk) const REQUIRES(mutex_);
  void SettleKept(const ChunkRef& chunk, int64_t now_ns) REQUIRES(mutex_);
  void Take(const ChunkRef& chunk, Garbage& garbage) REQUIRES(mutex_);
  void TakeEverything(Garbage& garbage) REQUIRES(mutex_);
  void Cancel(const ChunkRef& chunk, Garbage& garbage) REQUIRES(mutex_);
  void GiveUp(const ChunkRef& chunk, int64_t now_ns) REQUIRES(mutex_);
  void GiveUpUnneeded(int64_t now_ns, Garbage& garbage) REQUIRES(mutex_);

  // --- cached_file_lifetime.cc: opens and closes ---
  void HurryDelivered() REQUIRES(mutex_);
  void Resume(const std::vector<PendingRef>& parked) EXCLUDES(mutex_);
  void GiveUpWaiting(int64_t now_ns) EXCLUDES(mutex_);

  // --- cached_file_pages.cc: the page cache ahead of the readers ---
  void MaybeFill(const ChunkRef& chunk) EXCLUDES(mutex_);
  void Fill(const ChunkRef& chunk, KernelPages& kernel) EXCLUDES(mutex_);
  void FillRest(const ChunkRef& chunk) REQUIRES(mutex_);
  bool StoreStep(const Chunk& chunk, ByteRange step, uint64_t epoch, KernelPages& kernel) EXCLUDES(mutex_);
  std::optional<ByteRange> NextFill(const Chunk& chunk) const REQUIRES(mutex_);
  void Refill() EXCLUDES(mutex_);
  void PumpMore() EXCLUDES(mutex_);

  // --- cached_file_prefetch.cc: heads, what the planner asks for, and the file after this one ---
  bool AddHead(std::vector<ByteRange>& gaps) const REQUIRES(mutex_);
  bool PumpOne() EXCLUDES(mutex_);
  void DoAfter(const PrefetchPlanner::AfterRead& after) EXCLUDES(mutex_);
  void LeadToNext() EXCLUDES(mutex_);

  const std::shared_ptr<ReadCore> core_;
  const uint64_t file_id_;
  mutable Mutex mutex_;
  ServedVersion served_ GUARDED_BY(mutex_);
  ReplacementWait replacement_ GUARDED_BY(mutex_);
  ChunkMap chunks_ GUARDED_BY(mutex_);
  RangeSet delivered_ GUARDED_BY(mutex_);
  CrcLedger crc_ GUARDED_BY(mutex_);
  PrefetchPlanner planner_ GUARDED_BY(mutex_);
  FilePages pages_ GUARDED_BY(mutex_);
  uint64_t head_asked_ GUARDED_BY(mutex_) = 0;    // with a read of the begin since the last close; 0: was not
  uint64_t unread_bytes_ GUARDED_BY(mutex_) = 0;  // prefetched, in flight or here, not read; those of its chunks
  int prefetches_ GUARDED_BY(mutex_) = 0;         // in flight
  int fetches_ GUARDED_BY(mutex_) = 0;            // in flight or queued, all
  // Where the last chunk begins that was read to its end. Not a reference, which could become the last one to its
  // memory, under the lock.
  uint64_t last_consumed_ GUARDED_BY(mutex_) = 0;
  bool pumping_ GUARDED_BY(mutex_) = false;
  bool pump_again_ GUARDED_BY(mutex_) = false;
  int ends_ GUARDED_BY(mutex_) = 0;                 // reads of the last bytes for the page cache, not answered yet
  std::vector<ReadDone> behind_ GUARDED_BY(mutex_);  // wait for these
  uint64_t asked_bytes_ GUARDED_BY(mutex_) = 0;
  uint64_t read_bytes_ GUARDED_BY(mutex_) = 0;
};

}  // namespace ossfs2
