// ReadEngine: reads of objects with every byte fetched once per host, prefetched as the readers behave, inside the
// pool's budget. docs/life-of-a-read.md follows one read through it.
//
// One ReadFile for each inode and object version, shared by all handles and processes. Its chunk map holds what is
// fetched and what is in flight (single flight); stream trackers, several per file, decide what to fetch ahead; the
// cache keeps consumed chunks, LRU over all files, up to cache_bytes and within the pool.
//
// Threads: any. Read never blocks: `done` runs inside the call when all bytes are there, otherwise on a network thread
// when the last missing byte arrives; it must not block.
// Ownership: the engine keeps files by id; a reply (ossfs2/read_reply.h) pins its memory.
// Errors: ESTALE (kVersionChanged) once the object was replaced, or (kNotFound) once it was deleted, for reads that
// need bytes that are not here; the errno of the failed GET otherwise, only for reads that need bytes that could not be
// fetched, after one demand retry when the failed fetch was a prefetch. Reads past the end are short, then empty.
// Idle handles own nothing.
#pragma once

#include <sys/uio.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/page_size.h"
#include "data/explanation.h"
#include "data/memory/memory_pool.h"
#include "data/object_version.h"
#include "ossfs2/object_store.h"
#include "ossfs2/read_reply.h"

namespace ossfs2 {

struct ReadOptions {
  uint64_t chunk_bytes = 8ull << 20;   // prefetch_chunk_size, 1..128 MiB
  int concurrency = 256;               // prefetch_concurrency: GETs in flight, an upper bound; 0: no prefetch
  int concurrency_per_file = 64;       // prefetch_concurrency_per_file, an upper bound
  int64_t chunks_max = 0;              // prefetch_chunks: 0 = by memory; -1 = no bound; else chunks held ahead
  uint64_t cache_bytes = 0;            // memory_data_cache_size
  bool cache_until_close = false;      // the old rule: free the cache at a file's last close
  bool detect_whole_file = true;       // page faults spread over a file pull the rest ahead
  bool prefetch_next_shard = true;     // model-0000N-of-0000M
  uint64_t lead_bytes_max = 0;         // of the next shards, put into the page cache before anybody opens them
  int fill_threads = 0;                // put fetched bytes into the page cache ahead of readers; 0: do not
  bool page_cache = false;             // programs that read (not by a map) read through the page cache, not past it
  uint64_t page_bytes = KernelPageBytes();  // of the page cache
  std::string cpu_pressure_file{};     // see CpuPressure; empty: processors are never short
  bool verify_crc64 = false;           // compare the CRC of a whole object read in order
  std::chrono::milliseconds replacement_wait_max{120'000};  // reads wait no longer for a Replacement
};

class ReadFile {
 public:
  virtual ~ReadFile() = default;
  // `handle` tells readers apart for stream detection; size <= 4 MiB.
  virtual void Read(uint64_t handle, uint64_t offset, size_t size, ReadInto into, ReadDone done) = 0;
  virtual const ObjectVersion& version() const = 0;
  // Every read from now on is refused: another host replaced the object.
  virtual bool stale() const = 0;
  // The object was renamed; same bytes, new key and ETag. Later GETs use it.
  virtual void Rebind(const ObjectVersion& version) = 0;
  // A handle was closed: its streams and unused prefetch go.
  virtual void CloseHandle(uint64_t handle) = 0;
};

// While it lives, the object of a file is being replaced here by one with the same bytes: copied onto itself, or to
// another key and then deleted. A read whose GET finds the old object changed or gone waits for Rebind
// (ReplacementWait) instead of getting an error, and an Open with the old version gives the same file. Its end lets
// those that still wait ask again: what they find then counts, so ESTALE when another host replaced the object. Any
// thread.
class Replacement {
 public:
  virtual ~Replacement() = default;
  // The new object is known.
  virtual void Rebind(const ObjectVersion& version) = 0;
};

// The kernel's page cache of the mount, as the engine sees it.
class KernelPages {
 public:
  virtual ~KernelPages() = default;
  // Puts bytes that the object has at `offset` into the file's page cache; both are multiples of the page
  // size. May wait for reads of these pages; false: the kernel does not know the file.
  virtual bool Store(uint64_t file_id, uint64_t offset, const std::vector<iovec>& parts) = 0;
  // Undoes a Store that came after the file had changed. Must not wait.
  virtual void Drop(uint64_t file_id) = 0;
};

class ReadEngine {
 public:
  virtual ~ReadEngine() = default;
  // The file of that id at that version; another version of the id drops the old one's chunks
  // (readers of the old version finish or get ESTALE). Call at open; keep while handles are open.
  virtual std::shared_ptr<ReadFile> Open(uint64_t file_id, const ObjectVersion& version) = 0;
  // Before the object of that version is replaced by one with the same bytes. Opens the file.
  virtual std::unique_ptr<Replacement> BeginReplacement(uint64_t file_id, const ObjectVersion& version) = 0;
  // Another host replaced the object: it has that version now. Every read of other bytes that comes from now on is
  // refused (ESTALE), also behind their end: the kernel would take a short answer for the end of the new version.
  // Waits for nothing and calls nobody, so it may be called under locks; the memory goes soon afterwards.
  virtual void Retire(uint64_t file_id, const ObjectVersion& version) = 0;
  // Drops what is cached of the id (unlinked, overwritten).
  virtual void Drop(uint64_t file_id) = 0;
  // Asked for the file to read next after `file_id` (model-00002-of... after model-00001-of...);
  // must not block. Without one, there is no next-shard prefetch.
  virtual void SetNextFileResolver(
      std::function<std::optional<std::pair<uint64_t, ObjectVersion>>(uint64_t file_id)> resolver) = 0;
  // Told that a GET found another version in the bucket, or nothing, before the reads that wait for it fail: whoever
  // opens the file next should ask. On a network thread; must not wait, nor come back to the engine. Null, also at the
  // end: nobody, and no call runs any more.
  virtual void SetGoneListener(std::function<void(uint64_t file_id, const ObjectVersion& version)> listener) = 0;
  // Where fetched bytes may be put before they are read; null, also at the end: nowhere, and no call runs any more.
  virtual void SetKernelPages(KernelPages* kernel) = 0;
  // Nothing more of the file is put there until it is closed: its bytes change. With kWait no such call runs any more
  // afterwards, unless it hangs for longer than kStopFillingWait; then it is undone when it ends.
  static constexpr std::chrono::milliseconds kStopFillingWait{1000};
  enum class StoresUnderWay : uint8_t { kLeave, kWait };
  virtual void StopFilling(uint64_t file_id, StoresUnderWay stores) = 0;
  // The same, with kWait, while the answer lives, whoever opens and closes the file meanwhile: it is open for writing.
  virtual std::shared_ptr<const void> HoldFilling(uint64_t file_id) = 0;
  virtual Explanation Explain(uint64_t file_id) const = 0;
  // Cancels what is in flight and waits for it; later reads fail with EIO.
  virtual void Shutdown() = 0;
};

std::unique_ptr<ReadEngine> MakeReadEngine(ObjectStore& store, MemoryPool& pool, const ReadOptions& options);

}  // namespace ossfs2
