// ReadEngine: reads of objects with every byte fetched once per host, prefetched as the readers behave, inside the
// pool's budget. docs/life-of-a-read.md follows one read through it.
//
// Behind this header, from the outside in (scripts/check_layers.py has the same order):
//   read_engine.cc  the files by id, the clock tick, the next of a run
//   file/           the bytes of one object version for all its readers (cached_file.h), and what all files share
//                   (read_core.h)
//   plan/           what to fetch ahead of the readers (prefetch_planner.h), from streams, pulls and leads; what is
//                   learnt of server and readers (prefetch_services.h)
//   pages/          the kernel's page cache: what is put there, and what must not be (kernel_pages.h, page_filler.h)
//   fetch/          how many GETs run (fetch_scheduler.h)
//   chunks/         ranges in memory, here or on their way (chunk_map.h), and the order in which they go (read_cache.h)
//   shared/         options, metrics, ranges of bytes
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

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <utility>

#include "data/explanation.h"
#include "data/memory/memory_pool.h"
#include "data/object_version.h"
#include "data/read/pages/kernel_pages.h"
#include "data/read/shared/read_options.h"
#include "ossfs2/object_store.h"
#include "ossfs2/read_reply.h"

namespace ossfs2 {

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
  // Soon after it, without locks: refuses the reads that wait for bytes of a retired version. Their answers are late by
  // as much as the service, and the kernel drops no page while one of them is to come.
  virtual void EndRetired(uint64_t file_id) = 0;
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
  // afterwards, unless it hangs for longer than kStopFillingWait (kernel_pages.h); then it is undone when it ends.
  virtual void StopFilling(uint64_t file_id, StoresUnderWay stores) = 0;
  // The same, with kWait, while the answer lives, whoever opens and closes the file meanwhile: it is open for writing.
  virtual std::shared_ptr<const void> HoldFilling(uint64_t file_id) = 0;
  virtual Explanation Explain(uint64_t file_id) const = 0;
  // Cancels what is in flight and waits for it; later reads fail with EIO.
  virtual void Shutdown() = 0;
};

std::unique_ptr<ReadEngine> MakeReadEngine(ObjectStore& store, MemoryPool& pool, const ReadOptions& options);

}  // namespace ossfs2
