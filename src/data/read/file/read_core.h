// ReadCore: what all files of a read engine share: beside PrefetchServices the store, the cache, and memory for GETs.
//
// Threads: any; nothing waits. Files and callbacks keep it alive; `stopping` refuses new work.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "data/memory/memory_pool.h"
#include "data/read/chunks/read_cache.h"
#include "data/read/file/gone_listener.h"
#include "data/read/file/head_size.h"
#include "data/read/pages/changing_files.h"
#include "data/read/plan/prefetch_services.h"
#include "ossfs2/object_store.h"

namespace ossfs2 {

class CachedFile;

class ReadCore : public PrefetchServices {
 public:
  // What was fetched for a stream that was not read for so long may make room for others.
  static constexpr int64_t kUnreadIdleNs = 1'000'000'000;

  ReadCore(ObjectStore& object_store, MemoryPool& memory_pool, const ReadOptions& read_options)
      : PrefetchServices(memory_pool, read_options),
        store(object_store),
        cache(memory_pool, read_options.cache_bytes) {}

  // How much of what was read is kept for others.
  ReadCache::Keep KeptForOthers() const;
  // What a reader was given through the page cache lies there for all others, so its memory goes back at once: less of
  // it is touched, and what comes next lies in the processor's cache.
  bool PageCacheKeeps() const { return options.cache_bytes == 0 && !signs.SharedLately(); }

  // Adds `count` blocks to `blocks`, if need be at the expense of unread prefetch; false: no room now.
  bool AllocateDemand(size_t count, std::vector<BlockRef>& blocks);
  // Blocks for a prefetch; empty when there is no room for it.
  std::vector<BlockRef> AllocatePrefetch(size_t count);
  // After memory became cache or came free to be reclaimed: serves those who wait for some.
  void RelievePressure();
  // After readers came on: lets files go on that waited for it.
  void PumpLead();

  ObjectStore& store;
  ReadCache cache;
  HeadSize head_size;
  const std::shared_ptr<ChangingFiles> changing = std::make_shared<ChangingFiles>();
  GoneListener gone;
  std::atomic<bool> stopping{false};
  // The file to read after this one, by the engine; set before the first read.
  std::function<std::shared_ptr<CachedFile>(uint64_t file_id)> next_file;
};

}  // namespace ossfs2
