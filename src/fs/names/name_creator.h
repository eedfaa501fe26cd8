// NameCreator: what the makers of files, directories and symlinks share, and directories.
//
// Making a name goes: Check; take the name (NameLocker); Exists; put the object, never over another's; Add the node.
// Threads: any that may block; Add under the tree's mutex.
// Errors: EROFS; ENOENT, ENOTDIR for the directory; ENAMETOOLONG, EINVAL, EILSEQ, EPERM for names that cannot be;
// EEXIST; those of the store. Limit: kKeyBytesMax for a key.
#pragma once

#include <string>

#include "fs/lookup/resolver.h"
#include "fs/shared/fs_part.h"
#include "fs/shared/name_locker.h"

namespace ossfs2 {

class NameCreator : public FsPart {
 public:
  NameCreator(FsContext& context, NameLocker& locker, Resolver& resolver)
      : FsPart(context), locker_(locker), resolver_(resolver) {}

  // Whether anybody may give that name to something, be it new or renamed.
  Status Check(Ino parent, const std::string& name) EXCLUDES(context_.tree.mutex);
  // Whether the name is taken. The caller holds it.
  Result<bool> Exists(Ino parent, const std::string& name) EXCLUDES(context_.tree.mutex);
  // The node of what the caller has just made, a look-up counted. Null: the directory is gone, or a listing has found
  // another type there meanwhile.
  Node* Add(Ino parent, const std::string& name, NodeType type, uint32_t mode, const Caller& caller)
      REQUIRES(context_.tree.mutex);
  Result<Entry> MakeDirectory(Ino parent, const std::string& name, uint32_t mode, const Caller& caller)
      EXCLUDES(context_.tree.mutex);

 private:
  NameLocker& locker_;
  Resolver& resolver_;
};

}  // namespace ossfs2
