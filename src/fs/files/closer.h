// Closer: stores what was written through a handle, and ends the handle.
//
// A close stores the file (Flush), unless another handle has written and not flushed yet: its close stores all. Release
// stores what nobody flushed: an asynchronous close, or a mapping that was written after its close. With the last
// handle goes what could not be stored; a file that was never stored loses its name as well.
// Threads: any that may block; NothingToFlush does not.
// Errors: EBADF; what the writer sticks to, or the publication failed with. Release has nobody to tell: it logs them.
#pragma once

#include <memory>

#include "fs/attributes/attribute_saver.h"
#include "fs/files/opener.h"
#include "fs/files/publisher.h"
#include "fs/handles/file_handle.h"
#include "fs/handles/handle_table.h"
#include "fs/shared/fs_context.h"
#include "fs/shared/name_locker.h"

namespace ossfs2 {

class Closer {
 public:
  Closer(FsContext& context, NameLocker& locker, AttributeSaver& saver, Publisher& publisher, Opener& opener,
         HandleTable<FileHandle>& files)
      : context_(context),
        locker_(locker),
        saver_(saver),
        publisher_(publisher),
        opener_(opener),
        files_(files) {}

  // A close that has nothing to store is under way. False: call Flush.
  bool NothingToFlush(HandleId id);
  Status Flush(HandleId id) EXCLUDES(context_.tree.mutex);
  Status Fsync(HandleId id) EXCLUDES(context_.tree.mutex);
  void Release(HandleId id) EXCLUDES(context_.tree.mutex);

 private:
  Status StoreAtClose(const FileHandle& handle) EXCLUDES(context_.tree.mutex);
  // Whether the handle is the last that could have stored the file, and did not.
  bool HasToStore(FileHandle& handle) EXCLUDES(context_.tree.mutex);
  void StoreLate(const FileHandle& handle) EXCLUDES(context_.tree.mutex);
  void DropHandle(FileHandle& handle) EXCLUDES(context_.tree.mutex);
  // With the last handle. Returns the writer whose data goes with it; null: none.
  std::shared_ptr<WriteFile> EndFile(Node* node, const std::shared_ptr<OpenFile>& file, Notices& notices)
      REQUIRES(context_.tree.mutex);

  FsContext& context_;
  NameLocker& locker_;
  AttributeSaver& saver_;
  Publisher& publisher_;
  Opener& opener_;
  HandleTable<FileHandle>& files_;
};

}  // namespace ossfs2
