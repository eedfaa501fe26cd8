#include "fs/names/renamer.h"

#include <algorithm>
#include <cerrno>

#include "base/report/log.h"
#include "base/values/str.h"
#include "fs/handles/open_file.h"
#include "fs/names/parents.h"
#include "fs/names/replaced_files.h"
#include "fs/shared/attributes.h"
#include "fs/shared/object_facts.h"
#include "fs/shared/store_calls.h"

namespace ossfs2 {

Result<Renamer::Pair> Renamer::Find(const Names& names, Resolver::Trust trust_target) {
  Pair pair;
  Result<Ino> source = resolver_.Resolve(names.parent, names.name);
  if (!source) return source.error();
  pair.source = *source;
  Result<bool> absent = resolver_.KnownAbsentForCreate(names.new_parent, names.new_name);
  if (!absent) return absent.error();
  if (!*absent) {
    Result<Ino> target = resolver_.Resolve(names.new_parent, names.new_name, trust_target);
    if (!target && target.error().errno_value != ENOENT) return target.error();
    if (target) pair.target = *target;
  }
  MutexLock lock(context_.tree.mutex);
  const Node* source_node = context_.tree.Find(pair.source);
  if (source_node == nullptr || source_node->unlinked) return NoEntry(names.name);
  pair.is_directory = source_node->is_directory();
  const Node* target_node = pair.target == 0 ? nullptr : context_.tree.Find(pair.target);
  if (target_node == nullptr) pair.target = 0;
  pair.target_is_directory = target_node != nullptr && target_node->is_directory();
  if (pair.is_directory && context_.tree.IsBelow(context_.tree.Find(names.new_parent), source_node))
    return MakeError(
        EINVAL, ErrorKind::kInvalid,
        StrCat(context_.tree.Path(source_node), " cannot be moved into itself. Take a place outside of it."));
  if (target_node != nullptr && target_node->is_directory() && pair.target != pair.source &&
      context_.tree.IsBelow(source_node, target_node))
    return MakeError(ENOTEMPTY, ErrorKind::kInvalid, StrCat("'", names.new_name, "' is not empty."));
  return pair;
}

Resolver::Trust Renamer::TrustOfTarget(Ino target) {
  if (!context_.options.close_to_open || target == 0) return Resolver::Trust::kFresh;
  MutexLock lock(context_.tree.mutex);
  const Node* node = context_.tree.Find(target);
  const bool is_open = node != nullptr && node->extra && node->extra->open;
  replaced_.SharesTree(context_.tree);
  return is_open || replaced_.IsWanted(node) ? Resolver::Trust::kOnlyNew : Resolver::Trust::kFresh;
}

Status Renamer::CheckTypes(const Pair& pair, const Names& names) {
  if (pair.target == 0) return {};
  if (names.no_replace) return NameExists(names.new_name);
  if (pair.is_directory && !pair.target_is_directory)
    return MakeError(ENOTDIR, ErrorKind::kInvalid, StrCat("'", names.new_name, "' is not a directory."));
  if (!pair.is_directory && pair.target_is_directory)
    return MakeError(EISDIR, ErrorKind::kInvalid, StrCat("'", names.new_name, "' is a directory."));
  return {};
}

Status Renamer::Rename(const Names& names) {
  for (;;) {
    Result<Pair> before = Find(names);
    if (!before) return before.error();
    if (before->source == before->target)
      return names.no_replace ? Status(NameExists(names.new_name)) : Status();
    Result<NameLocks::Guard> guard =
        locker_.Lock({{names.parent, names.name}, {names.new_parent, names.new_name}},
                     before->is_directory ? before->source : 0);
    if (!guard) return guard.error();
    const NodeMark changing(context_.tree, before->source, &Node::changing);
    // The names are ours now; what they are may have changed while we waited.
    Result<Pair> pair = Find(names, TrustOfTarget(before->target));
    if (!pair && pair.error().kind == ErrorKind::kAccessDenied) pair = Find(names);  // a key that may not read
    if (!pair) return pair.error();
    if (pair->source != before->source) continue;
    OSSFS2_RETURN_IF_ERROR(CheckTypes(*pair, names));
    return pair->is_directory ? RenameDirectory(names, *pair) : RenameFile(names, *pair);
  }
}

Status Renamer::RenameFile(const Names& names, const Pair& pair) {
  std::shared_ptr<OpenFile> file;
  {
    MutexLock lock(context_.tree.mutex);
    Node* node = context_.tree.Find(pair.source);
    if (node == nullptr) return NoEntry(names.name);
    if (node->extra) file = node->extra->open;
  }
  if (file) file->Freeze();
  Status status = publisher_.PublishLocked(pair.source, PublishFor::kClose);
  if (status) {
    std::string from;
    std::string to;
    bool is_link = false;
    {
      MutexLock lock(context_.tree.mutex);
      const Node* node = context_.tree.Find(pair.source);
      const Node* directory = context_.tree.Find(names.new_parent);
      if (node != nullptr && directory != nullptr) {
        from = context_.tree.Key(node);
        to = context_.tree.Key(directory) + names.new_name;
        is_link = node->type == NodeType::kSymlink;
      }
    }
    status = ReplaceTarget(pair.target, [&](bool& copied) {
      return is_link ? RenameLink(names, pair, from, to, copied) : CopyAndDelete(names, pair, from, to, copied);
    });
  }
  if (file) file->Thaw();
  return status;
}

// Open handles of the target keep what they have.
Status Renamer::ReplaceTarget(Ino target, const std::function<Status(bool& copied)>& move) {
  bool copied = false;
  if (target == 0) return move(copied);
  const NodeMark leaving(context_.tree, target, &Node::leaving);
  Status moved;
  const Detacher::Take take = [&](bool) {
    moved = move(copied);
    return copied ? Status() : moved;
  };
  const Status detached = detacher_.Detach(target, take, replaced_.Keep(target));
  if (!copied) return detached;
  if (!moved) {
    // Its object is gone, although the source stays.
    Notices notices;
    {
      MutexLock lock(context_.tree.mutex);
      if (Node* node = context_.tree.Find(target); node != nullptr && !node->unlinked) {
        notices.entries.emplace_back(node->parent->ino, node->name);
        context_.tree.Remove(node);
      }
    }
    context_.Tell(notices);
  }
  return moved;
}

void Renamer::Reattach(const Names& names, const Pair& pair) {
  Node* node = context_.tree.Find(pair.source);
  Node* old_parent = context_.tree.Find(names.parent);
  Node* new_parent = context_.tree.Find(names.new_parent);
  if (old_parent != nullptr) {
    context_.tree.NoteRemoved(old_parent, names.name);
    context_.tree.absent.Add(names.parent, names.name, context_.clock.NowSteady());
    context_.TouchDirectory(old_parent);
  }
  if (node == nullptr || node->unlinked) return;
  // Taken for removed by another host meanwhile. The object is there, and whoever looks for it finds it.
  if (new_parent == nullptr || new_parent->unlinked) return context_.tree.Remove(node);
  if (Node* target = context_.tree.Child(new_parent, names.new_name); target != nullptr && target != node)
    context_.tree.Remove(target);
  context_.tree.absent.Erase(names.new_parent, names.new_name);
  context_.TouchDirectory(new_parent);
  context_.tree.Move(node, new_parent, names.new_name);
}

}  // namespace ossfs2
