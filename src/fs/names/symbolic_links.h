// SymbolicLinks: OSS symlink objects whose exact text is kept in metadata.
//
// The object's own target is the key that the text leads to inside the mount, so other OSS tools follow it too. Of a
// link that another program made only that key is known: the text is then the way to it from the link's directory.
// Threads: any that may block.
// Errors: those of NameCreator; EOPNOTSUPP with enable_symlink=false; ENOENT for an empty target, or one outside of the
// mounted prefix; EINVAL for what is no symlink. Limits: kLinkTextBytesMax, kKeyBytesMax, kMetadataBytesMax.
#pragma once

#include <cstddef>
#include <string>

#include "fs/lookup/resolver.h"
#include "fs/names/name_creator.h"
#include "fs/shared/fs_context.h"
#include "fs/shared/name_locker.h"

namespace ossfs2 {

class SymbolicLinks {
 public:
  static constexpr size_t kLinkTextBytesMax = 4095;

  SymbolicLinks(FsContext& context, NameLocker& locker, Resolver& resolver, NameCreator& creator)
      : context_(context), locker_(locker), resolver_(resolver), creator_(creator) {}

  Result<Entry> Make(Ino parent, const std::string& name, const std::string& target, const Caller& caller)
      EXCLUDES(context_.tree.mutex);
  Result<std::string> Read(Ino ino) EXCLUDES(context_.tree.mutex);

 private:
  Status CheckTarget(const std::string& name, const std::string& target) const;
  Result<std::string> TargetKey(Ino parent, const std::string& target) EXCLUDES(context_.tree.mutex);
  // The text of a link whose object has none: the way to its target.
  Result<std::string> AskTarget(const std::string& key);

  FsContext& context_;
  NameLocker& locker_;
  Resolver& resolver_;
  NameCreator& creator_;
};

}  // namespace ossfs2
