// PrefetchServices: what the prefetch planners of all files share: what was learnt of the server and of readers, and
// how much a stream may therefore hold ahead.
//
// Threads: any. All locks behind it are leaves. Lives as long as the engine's files (it is a part of ReadCore).
#pragma once

#include <atomic>
#include <cstdint>

#include "base/machine/cpu_pressure.h"
#include "data/memory/memory_pool.h"
#include "data/read/fetch/fetch_scheduler.h"
#include "data/read/pages/page_filler.h"
#include "data/read/plan/read_pace.h"
#include "data/read/plan/reader_signs.h"
#include "data/read/plan/shard_lead.h"
#include "data/read/shared/read_metrics.h"
#include "data/read/shared/read_options.h"

namespace ossfs2 {

class PrefetchServices {
 public:
  // A stream that was not read for so long leaves its share of the budget to others.
  static constexpr int64_t kActiveNs = 300'000'000;
  PrefetchServices(MemoryPool& memory_pool, const ReadOptions& read_options);
  PrefetchServices(const PrefetchServices&) = delete;
  PrefetchServices& operator=(const PrefetchServices&) = delete;

  static int64_t NowNs() { return ReaderSigns::NowNs(); }

  // What one stream may hold ahead of its reader.
  uint64_t StreamBudget() const;
  // Programs wait for a processor, and nothing is held for other readers or to fill the page cache with: little memory
  // should be in use.
  bool SavesProcessor() const {
    return cpu_pressure.Short() && options.cache_bytes == 0 && options.fill_threads == 0 && !signs.SharedLately();
  }
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

  // A GET ended well.
  void OnGetDone(uint64_t bytes, int64_t started_ns, int64_t now_ns);

  MemoryPool& pool;
  const ReadOptions options;
  FetchScheduler scheduler;
  ReadPace pace;
  PageFiller filler;
  CpuPressure cpu_pressure;
  ShardLead lead;
  ReaderSigns signs;
  ReadMetrics& metrics;
  std::atomic<int> active_streams{0};  // recounted by the engine's tick
};

}  // namespace ossfs2
