// Remover: takes names away: unlink and rmdir.
//
// The name is held (NameLocks) from the look-up to the deleted object. Open handles of the file go on (Detacher), and
// a directory without a marker stays when its last child goes (Parents).
// Threads: any that may block.
// Errors: EROFS; ENOENT, ENOTDIR, EISDIR; ENOTEMPTY; those of the store, after which the name is still there.
#pragma once

#include <string>

#include "fs/lookup/resolver.h"
#include "fs/names/detacher.h"
#include "fs/names/parents.h"
#include "fs/shared/fs_context.h"
#include "fs/shared/name_locker.h"

namespace ossfs2 {

class Remover {
 public:
  Remover(FsContext& context, NameLocker& locker, Resolver& resolver, Parents& parents, Detacher& detacher)
      : context_(context), locker_(locker), resolver_(resolver), parents_(parents), detacher_(detacher) {}

  Status Unlink(Ino parent, const std::string& name) EXCLUDES(context_.tree.mutex);
  Status RemoveDirectory(Ino parent, const std::string& name) EXCLUDES(context_.tree.mutex);

 private:
  Status Check(const std::string& name) const;
  // By whoever holds the name.
  Status UnlinkLocked(Ino parent, const std::string& name) EXCLUDES(context_.tree.mutex);
  Status CheckEmpty(Ino ino, const std::string& key) EXCLUDES(context_.tree.mutex);
  // The name is gone in the bucket: takes the node out of the tree. Returns whether somebody has the file open.
  bool DropNode(Ino parent, const std::string& name, Ino ino) EXCLUDES(context_.tree.mutex);

  FsContext& context_;
  NameLocker& locker_;
  Resolver& resolver_;
  Parents& parents_;
  Detacher& detacher_;
};

}  // namespace ossfs2
