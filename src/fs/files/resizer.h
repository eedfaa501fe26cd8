// Resizer: sizes that programs set: truncate, ftruncate, and open with O_TRUNC.
//
// They go through the file's writer, so they are stored as what is written. A truncate to the size that the file has
// changes its time only, which costs no request.
// Threads: any that may block. Errors: EISDIR, EINVAL for what has no size to set; ESTALE; those of opening and
// storing.
#pragma once

#include <cstdint>
#include <optional>

#include "fs/attributes/attribute_saver.h"
#include "fs/files/closer.h"
#include "fs/files/opener.h"
#include "fs/files/publisher.h"
#include "fs/handles/file_handle.h"
#include "fs/handles/handle_table.h"
#include "fs/shared/fs_context.h"

namespace ossfs2 {

class Resizer {
 public:
  Resizer(FsContext& context, AttributeSaver& saver, Publisher& publisher, Opener& opener, Closer& closer,
          HandleTable<FileHandle>& files)
      : context_(context),
        saver_(saver),
        publisher_(publisher),
        opener_(opener),
        closer_(closer),
        files_(files) {}

  // By the handle, if there is one and it may write; else by a handle of its own, and then the file is stored before
  // it returns, unless others write it.
  Status Resize(Ino ino, uint64_t size, std::optional<HandleId> handle) EXCLUDES(context_.tree.mutex);
  // For an open with O_TRUNC.
  Status Empty(FileHandle& handle) EXCLUDES(context_.tree.mutex);

 private:
  Status Truncate(OpenFile& file, uint64_t size) EXCLUDES(context_.tree.mutex);
  void Touch(Node* node, OpenFile* file) REQUIRES(context_.tree.mutex);
  Status ResizeUnopened(Ino ino, uint64_t size) EXCLUDES(context_.tree.mutex);

  FsContext& context_;
  AttributeSaver& saver_;
  Publisher& publisher_;
  Opener& opener_;
  Closer& closer_;
  HandleTable<FileHandle>& files_;
};

}  // namespace ossfs2
