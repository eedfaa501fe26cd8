// Chunk: a range of one object version in pool memory, filled front to back by one GET.
//
// Bytes are usable as they arrive: `filled` grows while the GET runs, and waiters are woken
// when their last byte is there. A chunk has all its memory before its GET starts, so what
// is in flight always completes without more memory. Ranges of chunks in one map never overlap.
//
// Threads: the network thread of the GET alone writes `filled` and the bytes behind it;
// readers look at it with acquire order. Everything marked (file) is guarded by the
// mutex of the CachedFile that owns the chunk; (cache) by the mutex of ReadCache.
// Ownership: shared by the map, the GET in flight, waiting reads and replies' pins; the memory
// goes back when the last of them is gone, never under a file's lock.
#pragma once

#include <sys/uio.h>

#include <atomic>
#include <cstdint>
#include <list>
#include <memory>
#include <vector>

#include "data/memory/memory_pool.h"
#include "data/read/shared/byte_ranges.h"
#include "ossfs2/object_store.h"
#include "ossfs2/read_reply.h"

namespace ossfs2 {

struct Chunk;
using ChunkRef = std::shared_ptr<Chunk>;

// A read that could not be answered at once. All fields (file).
struct PendingRead {
  uint64_t handle = 0;
  ByteRange range;
  ReadDone done;
  std::vector<ChunkRef> chunks;  // that together hold the range, in order
  int missing = 0;               // waiters not yet woken
  uint32_t epoch = 0;            // waiters of an earlier attempt are ignored
  int attempts = 0;
  int64_t started_ns = 0;
};
using PendingRef = std::shared_ptr<PendingRead>;

struct Chunk {
  struct Waiter {
    PendingRef read;
    uint64_t needs;  // bytes from the begin
    uint32_t epoch;
  };
  enum class Place : uint8_t { kNowhere, kUnread, kConsumed };
  struct CacheEntry;

  Chunk(ByteRange wanted, std::vector<BlockRef> memory, bool is_demand)
      : range(wanted), size(wanted.size()), demand(is_demand), read_to(wanted.begin), blocks(std::move(memory)) {}

  // Bytes [begin, end) of the file, which must be filled, as memory areas; neighbours are joined.
  void AppendParts(ByteRange wanted, std::vector<iovec>& parts) const;

  ByteRange range;                 // (file) shrinks to what came when the GET fails
  const uint64_t size;             // of the GET
  int64_t started_ns = 0;          // of the GET; set before it starts
  const bool demand;               // a read asked for it; false: prefetch
  bool head = false;               // (file) a demand that took more of the file's head along (head_size.h)
  bool fetching = true;            // (file)
  bool mapped = false;             // (file) in the chunk map
  bool consumed = false;           // (file) read to the end, or given up by its readers
  bool spent = false;              // (file) all of it was read before the file was closed
  bool wait_counted = false;       // (file) grew a window already
  uint64_t read_to;                // (file) how far it was read
  uint64_t bytes_read = 0;         // (file) again for each reader
  uint64_t unread_bytes = 0;       // (file) its share of what the file has fetched ahead and nobody has read
  uint32_t held_by_reads = 0;      // (file) reads that wait, for these bytes or others, and will take some of these
  bool filling = false;            // (file) a thread of the filler has it, or will
  uint64_t pages_to = 0;           // (file) up to here the filler has come; 0: it did nothing
  uint64_t page_bytes = 0;         // (file) of these, not counted as read yet
  uint64_t generation = 0;         // (file) of the version it was asked of
  std::vector<Waiter> waiters;     // (file)
  std::shared_ptr<StoreCall> call;  // (file) null before the GET was handed over and after it
  std::vector<BlockRef> blocks;

  std::atomic<uint64_t> filled{0};
  std::atomic<uint64_t> wake_at{UINT64_MAX};  // the least fill that a waiter needs
  std::atomic<bool> canceled{false};
  std::atomic<int64_t> used_ns{0};

  Place place = Place::kNowhere;                // (cache)
  std::list<CacheEntry>::iterator cache_entry;  // (cache) valid unless kNowhere
};

inline size_t BlocksFor(uint64_t bytes) {
  return static_cast<size_t>((bytes + MemoryPool::kBlockBytes - 1) / MemoryPool::kBlockBytes);
}

}  // namespace ossfs2
