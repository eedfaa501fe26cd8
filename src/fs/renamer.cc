#include "fs/renamer.h"

#include <algorithm>
#include <cerrno>

#include "base/log.h"
#include "base/str.h"
#include "fs/attributes.h"
#include "fs/object_facts.h"
#include "fs/open_file.h"
#include "fs/parents.h"
#include "fs/store_calls.h"

namespace ossfs2 {
namespace {

Error ExistsError(const std::string& name) {
  return MakeError(EEXIST, ErrorKind::kAlreadyExists, StrCat("'", name, "' exists."));
}

}  // namespace

Result<Renamer::Pair> Renamer::Find(const Names& names) {
  Pair pair;
  Result<Ino> source = resolver_.Resolve(names.parent, names.name);
  if (!source) return source.error();
  pair.source = *source;
  Result<bool> absent = resolver_.KnownAbsentForCreate(names.new_parent, names.new_name);
  if (!absent) return absent.error();
  if (!*absent) {
    Result<Ino> target = resolver_.Resolve(names.new_parent, names.new_name);
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
    return MakeError(EINVAL, ErrorKind::kInvalid, "A directory cannot be moved into itself.");
  if (target_node != nullptr && target_node->is_directory() && pair.target != pair.source &&
      context_.tree.IsBelow(source_node, target_node))
    return MakeError(ENOTEMPTY, ErrorKind::kInvalid, StrCat("'", names.new_name, "' is not empty."));
  return pair;
}

Status Renamer::CheckTypes(const Pair& pair, const Names& names) {
  if (pair.target == 0) return {};
  if (names.no_replace) return ExistsError(names.new_name);
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
      return names.no_replace ? Status(ExistsError(names.new_name)) : Status();
    Result<NameLocks::Guard> guard =
        locker_.Lock({{names.parent, names.name}, {names.new_parent, names.new_name}},
                     before->is_directory ? before->source : 0);
    if (!guard) return guard.error();
    const NodeMark changing(context_.tree, before->source, &Node::changing);
    // The names are ours now; what they are may have changed while we waited.
    Result<Pair> pair = Find(names);
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
  Status status = publisher_.PublishLocked(pair.source, false);
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
  const Status detached = detacher_.Detach(target, [&](bool) {
    moved = move(copied);
    return copied ? Status() : moved;
  });
  if (!copied) return detached;
  if (!moved) {
    // Its object is gone, although the source could not be removed.
    MutexLock lock(context_.tree.mutex);
    if (Node* node = context_.tree.Find(target); node != nullptr && !node->unlinked) context_.tree.Remove(node);
  }
  return moved;
}

Result<Renamer::FileMove> Renamer::PrepareMove(const Names& names, const Pair& pair, const std::string& from,
                                               const std::string& to) {
  FileMove move;
  bool fetches = false;
  bool chosen = false;
  {
    MutexLock lock(context_.tree.mutex);
    const Node* node = context_.tree.Find(pair.source);
    if (node == nullptr || node->unlinked) return NoEntry(names.name);
    if (node->extra) {
      move.takes_attributes = node->extra->pending && context_.options.keep_attributes;
      fetches = move.takes_attributes && !node->extra->metadata_known;
      chosen = node->extra->chosen && context_.options.keep_attributes;
      move.file = node->extra->open;
    }
  }
  if (fetches) OSSFS2_RETURN_IF_ERROR(saver_.FetchForeign(pair.source));
  // The new place must know that it has a file with attributes of its own.
  if (chosen) OSSFS2_RETURN_IF_ERROR(saver_.EnsureFlag(names.new_parent));
  MutexLock lock(context_.tree.mutex);
  const Node* node = context_.tree.Find(pair.source);
  if (node == nullptr) return NoEntry(names.name);
  move.stamp = node->local_stamp;
  CopyJob& job = move.job;
  job.source_key = from;
  job.target_key = to;
  job.source_etag = node->etag.Text();
  job.size = node->size;
  job.forbid_overwrite = names.no_replace;
  if (node->extra) job.crc64 = node->extra->crc64;
  if (node->extra && node->extra->metadata_known) job.encryption = node->extra->encryption;
  if (move.takes_attributes) {
    job.replace.emplace();
    job.replace->metadata = StoredMetadata(node, context_.options);
    job.replace->content_type = node->extra->content_type;
    job.replace->serving = node->extra->serving;
  }
  return move;
}

Result<WriteResult> Renamer::CopySource(FileMove& move) {
  Result<WriteResult> copied = CopyVerified(context_.store, context_.executor, move.job);
  if (copied || copied.error().kind != ErrorKind::kVersionChanged) return copied;
  // Replaced by another host since it was looked at: the newer version is what moves.
  Result<ObjectInfo> head = context_.store.Head(move.job.source_key);
  if (!head) return head.error();
  move.job.source_etag = head->etag;
  move.job.size = head->size;
  move.job.crc64 = head->crc64;
  move.job.encryption = head->encryption;
  move.job.replace.reset();
  move.is_newer = true;
  return CopyVerified(context_.store, context_.executor, move.job);
}

Status Renamer::CopyAndDelete(const Names& names, const Pair& pair, const std::string& from,
                              const std::string& to, bool& target_gone) {
  Result<FileMove> prepared = PrepareMove(names, pair, from, to);
  if (!prepared) return prepared.error();
  FileMove& move = *prepared;
  const CopyJob& job = move.job;
  const Result<WriteResult> copied = CopySource(move);
  if (!copied && copied.error().kind == ErrorKind::kAlreadyExists) return ExistsError(names.new_name);
  if (!copied && copied.error().kind == ErrorKind::kNotFound) return NoEntry(names.name);
  if (!copied) return copied.error();
  target_gone = true;
  Result<bool> check = parents_.Keep(names.parent, names.name);
  if (!check) return check.error();
  const ObjectVersion before{from, job.size, job.source_etag, job.crc64};
  const ObjectVersion after{to, job.size, copied->etag, job.crc64 ? job.crc64 : copied->crc64};
  if (move.is_newer) context_.reads.Retire(pair.source, before);
  // First: a read must not ask for what is being deleted.
  const auto readers = context_.BeginReplacement(pair.source, before);
  context_.Rebind(readers.get(), move.file.get(), before, after);
  if (Status deleted = context_.store.Delete(from); !deleted) {
    context_.Rebind(readers.get(), move.file.get(), after, before);
    return deleted;
  }
  TakeMoved(names, pair, move, after);
  if (move.is_newer) context_.Tell({{pair.source}, {}});
  return *check ? parents_.CheckAfter(names.parent) : Status();
}

void Renamer::TakeMoved(const Names& names, const Pair& pair, const FileMove& move, const ObjectVersion& after) {
  MutexLock lock(context_.tree.mutex);
  Node* node = context_.tree.Find(pair.source);
  if (node != nullptr && node->extra && move.takes_attributes && node->local_stamp == move.stamp)
    MarkStored(*node->extra);
  Reattach(names, pair);
  if (node == nullptr) return;
  if (move.is_newer) {
    node->size = after.size;
    node->pages_stale = true;
  }
  TakeWritten(context_, node, after.etag, after.crc64);
}

Status Renamer::RenameLink(const Names& names, const Pair& pair, const std::string& from,
                           const std::string& to, bool& target_gone) {
  // The text stays the same, so a relative link may lead elsewhere from its new place: as on any file system.
  CopyRequest request;
  request.source_key = from;
  request.target_key = to;
  request.forbid_overwrite = names.no_replace;
  Result<WriteResult> copied = context_.store.Copy(request);
  if (!copied && copied.error().kind == ErrorKind::kAlreadyExists) return ExistsError(names.new_name);
  if (!copied) return copied.error();
  target_gone = true;
  Result<bool> check = parents_.Keep(names.parent, names.name);
  if (!check) return check.error();
  OSSFS2_RETURN_IF_ERROR(context_.store.Delete(from));
  {
    MutexLock lock(context_.tree.mutex);
    Node* node = context_.tree.Find(pair.source);
    Reattach(names, pair);
    if (node != nullptr) TakeWritten(context_, node, copied->etag, std::nullopt);
  }
  return *check ? parents_.CheckAfter(names.parent) : Status();
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
  if (new_parent == nullptr || node == nullptr || node->unlinked) return;
  if (Node* target = context_.tree.Child(new_parent, names.new_name); target != nullptr && target != node)
    context_.tree.Remove(target);
  context_.tree.absent.Erase(names.new_parent, names.new_name);
  context_.TouchDirectory(new_parent);
  context_.tree.Move(node, new_parent, names.new_name);
}

}  // namespace ossfs2
