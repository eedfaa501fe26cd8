// ExtendedAttributes: user.* kept in the metadata of objects and markers; user.ossfs2.* facts about the object, which
// are read-only and not listed (copying tools would try to set them).
//
// A change is told to the AttributeSaver, which stores it after a while; at the end of a mount the call stores it.
// Threads: any that may block.
// Errors: ENODATA for one that is not there; EOPNOTSUPP for other name spaces, or with enable_xattr=false; EPERM for
// facts, and for symlinks; EROFS; EEXIST by XATTR_CREATE; ENOSPC when the object cannot keep more; ERANGE, EINVAL for
// names; those of the store.
// Limits: kNameBytesMax for a name, kMetadataBytesMax for all metadata of one object (the service's).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "fs/attributes/attribute_saver.h"
#include "fs/lookup/resolver.h"
#include "fs/shared/fs_context.h"

namespace ossfs2 {

class ExtendedAttributes {
 public:
  ExtendedAttributes(FsContext& context, Resolver& resolver, AttributeSaver& saver)
      : context_(context), resolver_(resolver), saver_(saver) {}

  Result<std::string> Get(Ino ino, const std::string& name) EXCLUDES(context_.tree.mutex);
  Result<std::vector<std::string>> List(Ino ino) EXCLUDES(context_.tree.mutex);
  // `flags`: those of setxattr(2).
  Status Set(Ino ino, const std::string& name, std::string_view value, int flags) EXCLUDES(context_.tree.mutex);
  Status Remove(Ino ino, const std::string& name) EXCLUDES(context_.tree.mutex);

 private:
  // Brings what is kept in metadata up to date.
  Status Fetch(Ino ino) EXCLUDES(context_.tree.mutex);
  // The node, if it is one that may have them.
  Result<Node*> Holder(Ino ino) REQUIRES(context_.tree.mutex);
  // Enters the value, if the object can keep it.
  Status Enter(Node* node, const std::string& name, std::string_view value, int flags)
      REQUIRES(context_.tree.mutex);
  // They were changed.
  void Note(Node* node) REQUIRES(context_.tree.mutex);

  FsContext& context_;
  Resolver& resolver_;
  AttributeSaver& saver_;
};

}  // namespace ossfs2
