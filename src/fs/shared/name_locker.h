// NameLocker: takes the NameLocks of operations, following renames that happen while it waits.
//
// Blocking: executor threads only. Errors: ESTALE when a directory on the way is gone.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "fs/shared/fs_context.h"

namespace ossfs2 {

class NameLocker {
 public:
  using Name = std::pair<Ino, std::string>;
  explicit NameLocker(FsContext& context) : context_(context) {}

  // The names exclusively. The directory `moved`, if not 0, with all below it too.
  Result<NameLocks::Guard> Lock(const std::vector<Name>& names, Ino moved = 0) EXCLUDES(context_.tree.mutex);
  // The name the node has now. Unlinked nodes have none: the guard is empty. The root: nothing is held.
  Result<NameLocks::Guard> LockNode(Ino ino) EXCLUDES(context_.tree.mutex);

 private:
  Result<std::vector<NameLocks::Want>> Wants(const std::vector<Name>& names, Ino moved)
      REQUIRES(context_.tree.mutex);
  FsContext& context_;
};

}  // namespace ossfs2
