// Opening and making files, each of several steps: opener.h, name_creator.h, resizer.h and closer.h do them.
#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>

#include "base/values/str.h"
#include "fs/core_file_system.h"

namespace ossfs2 {

Result<Opened> CoreFileSystem::Open(Ino ino, int flags) {
  Result<Opener::Made> made = opener_.Open(ino, flags);
  if (!made) return made.error();
  Status status = made->writer;
  if (status && (flags & O_TRUNC) != 0) {
    status = resizer_.Empty(*made->handle);
  }
  if (status) return made->opened;
  Release(made->opened.handle);
  return status.error();
}

Result<std::pair<Entry, Opened>> CoreFileSystem::Create(Ino parent, const std::string& name, uint32_t mode,
                                                        int flags, const Caller& caller) {
  OSSFS2_RETURN_IF_ERROR(creator_.Check(parent, name));
  Result<NameLocks::Guard> guard = locker_.Lock({{parent, name}});
  if (!guard) return guard.error();
  Result<bool> exists = creator_.Exists(parent, name);
  if (!exists) return exists.error();
  std::shared_ptr<FileHandle> handle;
  std::pair<Entry, Opened> made;
  if (!*exists) {
    MutexLock lock(context_.tree.mutex);
    Node* directory = context_.tree.Find(parent);
    // Listings may have found the name just now; then it is opened below.
    if (directory != nullptr && context_.tree.Child(directory, name) == nullptr) {
      creator_.SharesTree(context_.tree);
      Node* node = creator_.Add(parent, name, NodeType::kFile, mode, caller);
      if (node == nullptr) return NoEntry(name);
      node->published = false;
      if (node->extra->chosen) node->extra->pending = true;
      opener_.SharesTree(context_.tree);
      handle = opener_.MakeHandle(node, flags);
      made = {context_.MakeEntry(node), Opened{handle->id, true, handle->direct}};
    }
  }
  if (handle) {
    // No FLUSH comes for a handle that cannot write: the empty file is stored now, and never over another's.
    const bool store_now = (flags & O_ACCMODE) == O_RDONLY;
    Status status = opener_.PrepareWriter(handle->file, store_now || (flags & O_EXCL) != 0);
    if (status && store_now) status = publisher_.PublishLocked(handle->ino, PublishFor::kClose);
    guard->Release();
    if (status) {
      context_.Shrink();
      return made;
    }
    handle->file->told = true;
    Release(handle->id);
    Forget(made.first.attr.ino, 1);
    const bool came_first = store_now && status.error().kind == ErrorKind::kAlreadyExists;
    if (!came_first) return status.error();
  }
  guard->Release();
  if ((flags & O_EXCL) != 0) return NameExists(name);
  return OpenByName(parent, name, flags & ~(O_CREAT | O_EXCL));
}

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

Result<std::pair<Entry, Opened>> CoreFileSystem::OpenByName(Ino parent, const std::string& name, int flags) {
  for (int tries = 1;; ++tries) {
    Result<Entry> entry = Lookup(parent, name);
    if (!entry) return entry.error();
    if (entry->attr.ino == 0) return NoEntry(name);
    Result<Opened> opened = Open(entry->attr.ino, flags);
    if (opened) {
      if ((flags & O_TRUNC) != 0) entry->attr.size = 0;
      return std::make_pair(*entry, *opened);
    }
    Forget(entry->attr.ino, 1);
    // ESTALE: the name got another file in between.
    if (opened.error().errno_value != ESTALE || tries == EntryLookup::kTriesMax) return opened.error();
  }
}

}  // namespace ossfs2
