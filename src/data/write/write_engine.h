// WriteEngine: writes of objects. Streams what comes in order, stages only the file that
// needs it, publishes only what is proven. docs/life-of-a-write.md follows one file through it.
//
// It makes one WriteFile (write_file.h, where most of the contract is) for each inode that is open for writing.
//
// Threads: any. Recover and Shutdown block.
// Memory: parts come from the pool (kUpload); a writer waits for memory, and fails only when the staging disk is
// full and nothing moves (upload_memory.h); among writers it is shared fairly. Staging is bounded by
// staging_bytes_max and a free-space reserve: ENOSPC.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>

#include "data/memory/memory_pool.h"
#include "data/read/read_engine.h"
#include "data/recovery/rename_record.h"
#include "data/upload/upload_options.h"
#include "data/write/write_file.h"
#include "ossfs2/landing.h"
#include "ossfs2/object_store.h"

namespace ossfs2 {

class WriteEngine {
 public:
  virtual ~WriteEngine() = default;
  virtual std::shared_ptr<WriteFile> Open(WriteTarget target) = 0;
  // Before an object is copied to another key to be deleted then. Not null; must not outlive the engine.
  virtual std::unique_ptr<RenameRecord> BeginRename(const std::string& from, const std::string& from_etag,
                                                    const std::string& to) = 0;
  // Memory to receive a write into; null: none to spare now.
  virtual std::unique_ptr<Landing> MakeLanding() = 0;
  // FileSystem::KeepWaiting.
  virtual void KeepWaiting(std::span<const std::byte> bytes, std::function<void(FetchLanding)> may_run) = 0;
  // Finishes or aborts what a crashed run left in the journal; before the mount serves. Blocking.
  virtual Status Recover() = 0;
  // Bytes not yet published, all files: for the flush deadline and its report.
  virtual uint64_t UnpublishedBytes() const = 0;
  virtual Explanation Explain(uint64_t file_id) const = 0;
  virtual void Shutdown() = 0;
};

// Background work has threads of the engine's own: the callers' may all be waiting in Write.
std::unique_ptr<WriteEngine> MakeWriteEngine(ObjectStore& store, MemoryPool& pool, const UploadOptions& options);

}  // namespace ossfs2
