// RangeCopier: copy_file_range between two open files: in the bucket where that works, else through this process.
//
// One copy of a program is many calls: they go on with the version that the source's handle reads, and end in ESTALE
// when another has come.
// Threads: any that may block; for the source's bytes and for the bucket's copy.
// Errors: EBADF, EINVAL (ranges of one file overlap), ESTALE, those of reads and writes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "fs/files/file_reader.h"
#include "fs/files/final_flush.h"
#include "fs/files/read_engine_host.h"
#include "fs/handles/file_handle.h"
#include "fs/handles/handle_table.h"
#include "fs/shared/fs_context.h"

namespace ossfs2 {

class RangeCopier {
 public:
  RangeCopier(FsContext& context, FileReader& reader, ReadEngineHost& host, FinalFlush& final_flush,
              HandleTable<FileHandle>& files)
      : context_(context), reader_(reader), host_(host), final_flush_(final_flush), files_(files) {}

  // Returns the bytes copied, which may be fewer; 0: the source ends there.
  Result<size_t> Copy(HandleId source_id, uint64_t source_offset, HandleId target_id, uint64_t target_offset,
                      size_t length) EXCLUDES(context_.tree.mutex);

 private:
  static constexpr size_t kPieceBytes = 1u << 20;
  static constexpr size_t kThroughBytesMax = 64u << 20;  // of one call, so that it ends and can be interrupted

  // What of an open file can be copied in the bucket; unset: what it has is not there.
  std::optional<Result<ObjectVersion>> VersionToCopy(FileHandle& source) EXCLUDES(context_.tree.mutex);
  Result<size_t> CopyBetween(FileHandle& source, uint64_t source_offset, FileHandle& target, uint64_t target_offset,
                             size_t length);
  Result<size_t> CopyThrough(FileHandle& source, uint64_t source_offset, FileHandle& target, uint64_t target_offset,
                             size_t length);

  FsContext& context_;
  FileReader& reader_;
  ReadEngineHost& host_;
  FinalFlush& final_flush_;
  HandleTable<FileHandle>& files_;
};

}  // namespace ossfs2
