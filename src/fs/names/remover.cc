#include "fs/names/remover.h"

#include <cerrno>

#include "base/values/str.h"
#include "fs/tree/names.h"

namespace ossfs2 {

Status Remover::Check(const std::string& name) const {
  OSSFS2_RETURN_IF_ERROR(context_.CheckWritable(name));
  return CheckName(name);
}

bool Remover::DropNode(Ino parent, const std::string& name, Ino ino) {
  MutexLock lock(context_.tree.mutex);
  if (Node* directory = context_.tree.Find(parent)) {
    context_.tree.NoteRemoved(directory, name);
    context_.tree.absent.Add(parent, name, context_.clock.NowSteady());
    context_.TouchDirectory(directory);
  }
  Node* node = context_.tree.Find(ino);
  if (node == nullptr) return false;
  const bool in_use = node->extra && node->extra->open;
  context_.tree.Remove(node);
  return in_use;
}

Status Remover::Unlink(Ino parent, const std::string& name) {
  OSSFS2_RETURN_IF_ERROR(Check(name));
  Result<NameLocks::Guard> guard = locker_.Lock({{parent, name}});
  if (!guard) return guard.error();
  return UnlinkLocked(parent, name);
}

Status Remover::UnlinkLocked(Ino parent, const std::string& name) {
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
  if (!DropNode(parent, name, *ino)) context_.reads.Drop(*ino);
  return check_parent ? parents_.CheckAfter(parent) : Status();
}

Status Remover::CheckEmpty(Ino ino, const std::string& key) {
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

Status Remover::RemoveDirectory(Ino parent, const std::string& name) {
  OSSFS2_RETURN_IF_ERROR(Check(name));
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
  DropNode(parent, name, *ino);
  return *check_parent ? parents_.CheckAfter(parent) : Status();
}

}  // namespace ossfs2
