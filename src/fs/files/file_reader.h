// FileReader: answers reads through handles from what has the bytes: the writer of a file that is ahead of its object,
// a page that was written just now, or the read engine.
//
// A handle reads through the engine's ReadFile of the version that it was opened with; where this mount has stored the
// file since, through that of the new version. A version that another host replaced ends in ESTALE, never in a mix; a
// file that lost its name here is read on from its writer, up to a bound where another host removed it.
// Threads: any. Read does not block: what may wait for the network runs on the executor. ReadSome waits.
// Errors: EBADF, ESTALE, and what the engine or the writer answers.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>

#include "fs/files/opener.h"
#include "fs/handles/file_handle.h"
#include "fs/handles/handle_table.h"
#include "fs/shared/fs_context.h"

namespace ossfs2 {

class FileReader {
 public:
  FileReader(FsContext& context, Opener& opener, HandleTable<FileHandle>& files)
      : context_(context), opener_(opener), files_(files) {}

  void Read(HandleId id, uint64_t offset, size_t size, ReadInto into, ReadDone done) EXCLUDES(context_.tree.mutex);
  // Bytes for this process: blocks until some are there. 0: the end of the file.
  Result<size_t> ReadSome(FileHandle& handle, uint64_t offset, std::span<std::byte> out)
      EXCLUDES(context_.tree.mutex);
  // The reader of the version that the handle has, made when there is none yet. Null: what the handle has read of is
  // gone.
  std::shared_ptr<ReadFile> ReaderOf(FileHandle& handle) EXCLUDES(context_.tree.mutex);

 private:
  // A file that another host removed is read from memory; what already left it cannot come back.
  static constexpr uint64_t kRemovedReadBytesMax = 1ull << 20;

  // None: the file has no name and no place of its own.
  std::optional<ObjectVersion> VersionToRead(const FileHandle& handle) EXCLUDES(context_.tree.mutex);
  void ReadDirty(std::shared_ptr<FileHandle> handle, uint64_t offset, size_t size, ReadDone done);
  Result<ReadReply> ReadWriter(FileHandle& handle, uint64_t offset, size_t size);
  void ReadOfLost(std::shared_ptr<FileHandle> handle, uint64_t offset, size_t size, Error error, ReadDone done)
      EXCLUDES(context_.tree.mutex);
  bool LostHere(const FileHandle& handle) EXCLUDES(context_.tree.mutex);
  // This mount has stored the file, or is about to, since OpenFile::version was `version`.
  bool StoredSince(const FileHandle& handle, uint64_t version) EXCLUDES(context_.tree.mutex);

  FsContext& context_;
  Opener& opener_;
  HandleTable<FileHandle>& files_;
};

}  // namespace ossfs2
