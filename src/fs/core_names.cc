// Names: mknod, rename.
#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstdio>

#include "base/str.h"
#include "fs/core_file_system.h"
#include "fs/tree/names.h"

namespace ossfs2 {

Result<Entry> CoreFileSystem::MakeNode(Ino parent, const std::string& name, uint32_t mode,
                                       const Caller& caller) {
  if ((mode & S_IFMT) != 0 && !S_ISREG(mode))
    return MakeError(
        EPERM, ErrorKind::kInvalid,
        StrCat("'", name, "': only regular files can be made; a bucket has no devices, pipes or sockets."));
  auto created = Create(parent, name, mode & 07777, O_WRONLY | O_EXCL, caller);
  if (!created) return created.error();
  const Status stored = Flush(created->second.handle);
  Release(created->second.handle);
  if (stored) return created->first;
  Forget(created->first.attr.ino, 1);
  return stored.error();
}

Status CoreFileSystem::Rename(Ino parent, const std::string& name, Ino new_parent,
                              const std::string& new_name, uint32_t flags) {
  OSSFS2_RETURN_IF_ERROR(creator_.Check(new_parent, new_name));
  OSSFS2_RETURN_IF_ERROR(CheckName(name));
  if ((flags & ~static_cast<uint32_t>(RENAME_NOREPLACE)) != 0)
    return MakeError(EINVAL, ErrorKind::kInvalid,
                     StrCat("'", name, "' to '", new_name,
                            "': of the flags of rename only RENAME_NOREPLACE is possible. "
                            "To exchange names, rename over a third one."));
  Renamer::Names names{parent, name, new_parent, new_name, (flags & RENAME_NOREPLACE) != 0};
  return renamer_.Rename(names);
}

}  // namespace ossfs2
