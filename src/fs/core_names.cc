// Making and removing names: mkdir, mknod, unlink, rmdir, rename.
#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstdio>

#include "base/str.h"
#include "fs/core_file_system.h"
#include "fs/shared/attributes.h"
#include "fs/shared/store_calls.h"
#include "fs/tree/names.h"

namespace ossfs2 {

Status CoreFileSystem::CheckNewName(Ino parent, const std::string& name) {
  OSSFS2_RETURN_IF_ERROR(context_.CheckWritable(name));
  OSSFS2_RETURN_IF_ERROR(CheckName(name));
  MutexLock lock(context_.tree.mutex);
  const Node* directory = context_.tree.Find(parent);
  if (directory == nullptr || directory->unlinked) return NoEntry(name);
  if (!directory->is_directory()) return NotADirectory(context_.tree.Path(directory));
  const std::string key = context_.tree.Key(directory);
  OSSFS2_RETURN_IF_ERROR(CheckGivenName(key, name));
  if (key.size() + name.size() > kKeyBytesMax) return KeyTooLong(name);
  if (IsHiddenName(directory == context_.tree.root(), context_.prefix, name))
    return MakeError(EPERM, ErrorKind::kInvalid,
                     StrCat("'", name, "' is a name that ossfs2 keeps for itself. Take another one."));
  return {};
}

Result<bool> CoreFileSystem::Exists(Ino parent, const std::string& name) {
  Result<bool> absent = resolver_.KnownAbsentForCreate(parent, name);
  if (!absent) return absent.error();
  if (*absent) return false;
  Result<Ino> found = resolver_.Resolve(parent, name);
  if (found) return true;
  if (found.error().errno_value == ENOENT) return false;
  return found.error();
}

Node* CoreFileSystem::AddMade(Ino parent, const std::string& name, NodeType type, uint32_t mode,
                              const Caller& caller) {
  Node* directory = context_.tree.Find(parent);
  if (directory == nullptr || directory->unlinked) return nullptr;
  Node* node = context_.tree.Child(directory, name);
  if (node != nullptr && node->type != type) return nullptr;
  if (node == nullptr) node = context_.tree.Add(directory, name, type);
  node->local_stamp = context_.tree.NextStamp();
  node->mtime_ns = context_.clock.NowWallNs();
  node->valid_until = context_.ValidUntil();
  SetCreation(context_.tree.Extra(node), type, mode, caller, directory, context_.options);
  context_.tree.absent.Erase(parent, name);
  context_.TouchDirectory(directory);
  ++node->lookups;
  return node;
}

Result<Entry> CoreFileSystem::MakeDirectory(Ino parent, const std::string& name, uint32_t mode,
                                            const Caller& caller) {
  OSSFS2_RETURN_IF_ERROR(CheckNewName(parent, name));
  Result<NameLocks::Guard> guard = locker_.Lock({{parent, name}});
  if (!guard) return guard.error();
  const Error exists_error = NameExists(name);
  Result<bool> exists = Exists(parent, name);
  if (!exists) return exists.error();
  if (*exists) return exists_error;
  std::string key;
  Node made;  // only for its metadata
  made.type = NodeType::kDirectory;
  made.directory = std::make_unique<DirectoryState>();
  made.extra = std::make_unique<NodeExtra>();
  {
    MutexLock lock(context_.tree.mutex);
    const Node* directory = context_.tree.Find(parent);
    if (directory == nullptr || directory->unlinked) return NoEntry(name);
    key = StrCat(context_.tree.Key(directory), name, "/");
    SetCreation(*made.extra, made.type, mode, caller, directory, context_.options);
  }
  if (key.size() > kKeyBytesMax) return KeyTooLong(name);
  WriteOptions options;
  options.metadata = StoredMetadata(&made, context_.options);
  options.forbid_overwrite = true;
  Result<WriteResult> put = PutEmpty(context_.store, key, options);
  if (!put) return put.error().kind == ErrorKind::kAlreadyExists ? exists_error : put.error();
  MutexLock lock(context_.tree.mutex);
  Node* node = AddMade(parent, name, NodeType::kDirectory, mode, caller);
  if (node == nullptr) return exists_error;
  DirectoryState& state = *node->directory;
  state.marker = Known::kYes;
  state.keeps_attributes = Known::kNo;
  state.complete = true;  // made here and empty: creates in it need not ask
  state.guess.NoteComplete();
  state.fresh_until = context_.ValidUntil();
  return context_.MakeEntry(node);
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

Status CoreFileSystem::Unlink(Ino parent, const std::string& name) {
  OSSFS2_RETURN_IF_ERROR(context_.CheckWritable(name));
  OSSFS2_RETURN_IF_ERROR(CheckName(name));
  Result<NameLocks::Guard> guard = locker_.Lock({{parent, name}});
  if (!guard) return guard.error();
  return UnlinkLocked(parent, name);
}

Status CoreFileSystem::UnlinkLocked(Ino parent, const std::string& name) {
  Result<Ino> ino = resolver_.Resolve(parent, name);
  if (!ino) return ino.error();
  std::string key;
  bool published = false;
  {
    MutexLock lock(context_.tree.mutex);
    const Node* node = context_.tree.Find(*ino);
    if (node == nullptr || node->unlinked) return NoEntry(name);
    if (node->is_directory())
      return MakeError(EISDIR, ErrorKind::kInvalid, StrCat("'", name, "' is a directory."));
    published = node->published;
    key = context_.tree.Key(node);
  }
  bool check_parent = false;
  if (published) {
    Result<bool> check = parents_.Keep(parent, name);
    if (!check) return check.error();
    check_parent = *check;
  }
  const NodeMark leaving(context_.tree, *ino, &Node::leaving);
  OSSFS2_RETURN_IF_ERROR(detacher_.Detach(
      *ino, [&](bool stored) { return published || stored ? context_.store.Delete(key) : Status(); }));
  bool in_use = false;
  {
    MutexLock lock(context_.tree.mutex);
    Node* directory = context_.tree.Find(parent);
    Node* node = context_.tree.Find(*ino);
    if (directory != nullptr) {
      context_.tree.NoteRemoved(directory, name);
      context_.tree.absent.Add(parent, name, context_.clock.NowSteady());
      context_.TouchDirectory(directory);
    }
    if (node != nullptr) {
      in_use = node->extra && node->extra->open;
      context_.tree.Remove(node);
    }
  }
  if (!in_use) context_.reads.Drop(*ino);
  return check_parent ? parents_.CheckAfter(parent) : Status();
}

Status CoreFileSystem::CheckEmpty(Ino ino, const std::string& key) {
  const Error not_empty = MakeError(ENOTEMPTY, ErrorKind::kInvalid, StrCat(key, " is not empty."));
  {
    MutexLock lock(context_.tree.mutex);
    const Node* node = context_.tree.Find(ino);
    if (node == nullptr || node->unlinked) return context_.Stale(ino);
    if (context_.tree.HasLocalState(node)) return not_empty;
  }
  ListRequest request;
  request.prefix = key;
  request.max_keys = 2;
  Result<ListPage> page = context_.store.List(request);
  if (!page) return page.error();
  for (const ListEntry& entry : page->entries)
    if (entry.key != key) return not_empty;
  return {};
}

Status CoreFileSystem::RemoveDirectory(Ino parent, const std::string& name) {
  OSSFS2_RETURN_IF_ERROR(context_.CheckWritable(name));
  OSSFS2_RETURN_IF_ERROR(CheckName(name));
  Result<Ino> ino = resolver_.Resolve(parent, name);
  if (!ino) return ino.error();
  Result<NameLocks::Guard> guard = locker_.Lock({{parent, name}}, *ino);
  if (!guard) return guard.error();
  std::string key;
  {
    MutexLock lock(context_.tree.mutex);
    const Node* node = context_.tree.Find(*ino);
    if (node == nullptr || node->parent == nullptr || node->parent->ino != parent || node->name != name)
      return NoEntry(name);
    if (!node->is_directory()) return NotADirectory(context_.tree.Path(node));
    key = context_.tree.Key(node);
  }
  OSSFS2_RETURN_IF_ERROR(CheckEmpty(*ino, key));
  Result<bool> check_parent = parents_.Keep(parent, name);
  if (!check_parent) return check_parent.error();
  OSSFS2_RETURN_IF_ERROR(context_.store.Delete(key));
  {
    MutexLock lock(context_.tree.mutex);
    if (Node* directory = context_.tree.Find(parent)) {
      context_.tree.NoteRemoved(directory, name);
      context_.tree.absent.Add(parent, name, context_.clock.NowSteady());
      context_.TouchDirectory(directory);
    }
    if (Node* node = context_.tree.Find(*ino)) context_.tree.Remove(node);
  }
  return *check_parent ? parents_.CheckAfter(parent) : Status();
}

Status CoreFileSystem::Rename(Ino parent, const std::string& name, Ino new_parent,
                              const std::string& new_name, uint32_t flags) {
  OSSFS2_RETURN_IF_ERROR(CheckNewName(new_parent, new_name));
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
