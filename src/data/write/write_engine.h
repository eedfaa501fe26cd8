// WriteEngine: writes of objects. Streams what comes in order, stages only the file that
// needs it, publishes only what is proven. docs/life-of-a-write.md follows one file through it.
//
// It makes one WriteFile (write_file.h, where most of the contract is) for each inode that is open for writing.
// Behind these two headers, from the outside in:
//   ../incoming             writes before they come to a file (incoming_writes.h)
//   write_file_impl.h       the state machine of one file, which passes its bytes from one of these to another:
//   ../content              what the bytes of an open file are
//     write_stream.h        written in order (sent_parts.h, write_spill.h)
//     write_staged.h        anything else (publication_plan.h, ../staging)
//     write_append.h        an appendable object (appendable_conversion.h)
//   ../upload               parts, their memory and their order on the wire; multipart_upload.h
//   ../recovery, ../journal what must not stay in the bucket: provisional.h, parking.h, rename_record.h
//   seam_pages.h            what readers get of a file without asking the bucket
// turn.h and sticky_error.h hold for every call on a file; ../content/write_services.h is what all files share.
//
// Threads: any. Recover and Shutdown block.
// Memory: parts come from the pool (kUpload); a writer waits for memory, and fails only when the staging disk is
// full and nothing moves (upload_memory.h); among writers it is shared fairly. Staging is bounded by
// staging_bytes_max and a free-space reserve: ENOSPC.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "data/explanation.h"
#include "data/incoming/incoming_writes.h"
#include "data/memory/memory_pool.h"
#include "data/recovery/rename_record.h"
#include "data/upload/upload_options.h"
#include "data/write/write_file.h"
#include "ossfs2/object_store.h"

namespace ossfs2 {

class WriteEngine {
 public:
  virtual ~WriteEngine() = default;
  virtual std::shared_ptr<WriteFile> Open(WriteTarget target) = 0;
  // Before an object is copied to another key to be deleted then. Not null; must not outlive the engine.
  virtual std::unique_ptr<RenameRecord> BeginRename(const std::string& from, const std::string& from_etag,
                                                    const std::string& to) = 0;
  // Writes before they come to a file.
  virtual IncomingWrites& incoming() = 0;
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
