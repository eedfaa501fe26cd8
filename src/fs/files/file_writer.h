// FileWriter: hands what is written through handles to the file's writer, and allocates.
//
// Each write passes the file's gate, which publications close; the Try calls never wait for it. After the mount has
// begun to end (FinalFlush) what still comes in is stored before the write returns.
// Threads: TryWrite and TryWriteLanded do not block; the others may.
// Errors: EBADF, and what the writer answers or sticks to.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "fs/files/final_flush.h"
#include "fs/files/opener.h"
#include "fs/handles/file_handle.h"
#include "fs/handles/handle_table.h"
#include "fs/shared/fs_context.h"

namespace ossfs2 {

class FileWriter {
 public:
  FileWriter(FsContext& context, Opener& opener, FinalFlush& final_flush, HandleTable<FileHandle>& files)
      : context_(context), opener_(opener), final_flush_(final_flush), files_(files) {}

  // What these promise: file_system.h.
  Result<bool> TryWrite(HandleId id, uint64_t offset, std::span<const std::byte> data, Writer writer);
  Result<size_t> TryWriteLanded(HandleId id, uint64_t offset, Landing& landing, size_t size, Writer writer);
  Result<size_t> WriteLanded(HandleId id, uint64_t offset, const Landing& landing, size_t from, size_t size,
                             Writer writer) EXCLUDES(context_.tree.mutex);
  Status Write(HandleId id, uint64_t offset, std::span<const std::byte> data, Writer writer)
      EXCLUDES(context_.tree.mutex);
  Status Allocate(HandleId id, int mode, uint64_t offset, uint64_t length) EXCLUDES(context_.tree.mutex);

 private:
  FsContext& context_;
  Opener& opener_;
  FinalFlush& final_flush_;
  HandleTable<FileHandle>& files_;
};

}  // namespace ossfs2
