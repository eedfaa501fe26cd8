// ReadCore: what all files of a read engine share: store, pool, scheduler, cache, budget.
//
// Threads: any. Files and callbacks keep it alive; `stopping` refuses new work.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "base/clock.h"
#include "base/cpu_pressure.h"
#include "base/recent_ids.h"
#include "data/memory/memory_pool.h"
#include "data/read/changing_files.h"
#include "data/read/fetch_scheduler.h"
#include "data/read/gone_listener.h"
#include "data/read/head_size.h"
#include "data/read/page_filler.h"
#include "data/read/read_cache.h"
#include "data/read/read_engine.h"
#include "data/read/read_metrics.h"
#include "data/read/read_pace.h"
#include "data/read/recent_sign.h"
#include "data/read/shard_lead.h"

namespace ossfs2 {

class CachedFile;

class ReadCore {
 public:
  // A stream that was not read for so long leaves its share of the budget to others,
  static constexpr int64_t kActiveNs = 300'000'000;
  // and what was fetched for it may make room for them.
  static constexpr int64_t kUnreadIdleNs = 1'000'000'000;
  // So long after bytes were read twice, what was read is kept for others.
  static constexpr int64_t kSharedNs = 30'000'000'000;
  static constexpr uint64_t kSharedBytesMin = 1ull << 20;  // fewer may be a header that is looked at again

  ReadCore(ObjectStore& object_store, MemoryPool& memory_pool, const ReadOptions& read_options)
      : store(object_store),
        pool(memory_pool),
        options(read_options),
        scheduler(read_options.concurrency, read_options.concurrency_per_file),
        cache(memory_pool, read_options.cache_bytes),
        filler(read_options.fill_threads),
        cpu_pressure(read_options.cpu_pressure_file),
        lead(read_options.fill_threads > 0 && read_options.prefetch_next_shard ? read_options.lead_bytes_max : 0,
             &ReadMetrics::Get().lead_bytes),
        metrics(ReadMetrics::Get()) {}

  static int64_t NowNs() { return Clock::Real().NowSteady().time_since_epoch().count(); }

  // How much of what was read is kept for others.
  ReadCache::Keep KeptForOthers() const;
  // What one stream may hold ahead of its reader.
  uint64_t StreamBudget() const;
  // What a reader was given through the page cache lies there for all others, so its memory goes back at once: less of
  // it is touched, and what comes next lies in the processor's cache.
  bool PageCacheKeeps() const { return options.cache_bytes == 0 && !SharedLately(); }
  // Programs wait for a processor, and nothing is held for other readers or to fill the page cache with: little memory
  // should be in use.
  bool SavesProcessor() const {
    return cpu_pressure.Short() && options.cache_bytes == 0 && options.fill_threads == 0 && !SharedLately();
  }
  // Somebody reads what was read before, past the page cache: others may do so, too.
  void NoteShared(uint64_t bytes, int64_t now_ns) { shared_sign.Note(bytes, now_ns); }
  bool SharedLately() const { return shared_sign.Lately(NowNs()); }
  // Several handles that the page cache does not serve read one file, at once or in turn.
  void NoteCompany(int64_t now_ns) { company_sign.Note(0, now_ns); }
  bool CompanyLately() const { return company_sign.Lately(NowNs()); }
  // Somebody reads through the page cache where most read past it.
  void NoteMapped(int64_t now_ns) { mapped_sign.Note(0, now_ns); }
  bool MappedLately() const { return mapped_sign.Lately(NowNs()); }
  // A stream that the page cache does not serve follows another one.
  void NoteFollower(uint64_t bytes, int64_t now_ns) { follower_sign.Note(bytes, now_ns); }
  bool FollowersLately() const { return follower_sign.Lately(NowNs()); }
  // A reader that the page cache does not serve began when others were far into the file, or had closed it.
  void NoteLateStart(int64_t now_ns) { late_start_sign.Note(0, now_ns); }
  bool LateStartsLately() const { return late_start_sign.Lately(NowNs()); }
  // Readers wait for the processor rather than for the network: what is fetched should still lie in its cache when it
  // is read, so little is held ahead as well.
  bool ReadFromCache() const { return SavesProcessor() && pace.SurelyNear(true); }
  bool NearServer() const { return pace.NearServer(cpu_pressure.Short()); }
  // The most that one stream is worth to have ahead.
  uint64_t UsefulWindow() const;
  // The GETs that a window is fetched in.
  uint64_t PieceBytesOf(uint64_t window) const;
  // What all streams together may hold: the pool less the data cache, which is at least a quarter, so that
  // demand always finds room, and at most three.
  uint64_t PrefetchBytesMax() const;

  // Adds `count` blocks to `blocks`, if need be at the expense of unread prefetch; false: no room now.
  bool AllocateDemand(size_t count, std::vector<BlockRef>& blocks);
  // Blocks for a prefetch; empty when there is no room for it.
  std::vector<BlockRef> AllocatePrefetch(size_t count);
  // A GET ended well.
  void OnGetDone(uint64_t bytes, int64_t started_ns, int64_t now_ns);
  // After memory became cache or came free to be reclaimed: serves those who wait for some.
  void RelievePressure();
  // After readers came on: lets files go on that waited for it.
  void PumpLead();

  ObjectStore& store;
  MemoryPool& pool;
  const ReadOptions options;
  FetchScheduler scheduler;
  ReadCache cache;
  ReadPace pace;
  HeadSize head_size;
  PageFiller filler;
  CpuPressure cpu_pressure;
  ShardLead lead;
  const std::shared_ptr<ChangingFiles> changing = std::make_shared<ChangingFiles>();
  GoneListener gone;
  // Files that were read past the page cache and closed. One that is read again shows that programs read the same
  // files one after the other, so what they read is worth keeping.
  RecentIds closed_lately;
  ReadMetrics& metrics;
  std::atomic<bool> stopping{false};
  RecentSign shared_sign{kSharedBytesMin, kSharedNs};
  RecentSign company_sign{0, kSharedNs};
  RecentSign mapped_sign{0, kSharedNs};
  RecentSign follower_sign{kSharedBytesMin, kSharedNs};
  RecentSign late_start_sign{0, kSharedNs};
  std::atomic<int> active_streams{0};  // recounted by the engine's tick
  // The file to read after this one, by the engine; set before the first read.
  std::function<std::shared_ptr<CachedFile>(uint64_t file_id)> next_file;
};

}  // namespace ossfs2
