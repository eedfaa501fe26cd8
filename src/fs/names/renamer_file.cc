// The rename of one file or symlink: its object is copied and proven, then the old one is deleted.
#include <cerrno>

#include "base/report/log.h"
#include "base/time/wall_time.h"
#include "base/values/str.h"
#include "fs/handles/open_file.h"
#include "fs/names/parents.h"
#include "fs/names/renamer.h"
#include "fs/shared/attributes.h"
#include "fs/shared/object_facts.h"
#include "fs/shared/store_calls.h"

namespace ossfs2 {
namespace {

// The service has answered that it will not do it. After any other error it may still do it, even later.
bool IsRefused(const Error& error) {
  return error.http_status >= 400 && error.http_status < 500 && !error.retryable;
}

}  // namespace

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
  // The new place should know that it has a file with attributes of its own.
  if (chosen) OSSFS2_RETURN_IF_ERROR(saver_.TryFlag(names.new_parent));
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
  Result<WriteResult> copied = CopyVerified(context_.store, context_.executor, move.job, &move.unproven);
  if (copied || copied.error().kind != ErrorKind::kVersionChanged || move.unproven) return copied;
  // Replaced by another host since it was looked at: the newer version is what moves.
  Result<ObjectInfo> head = context_.store.Head(move.job.source_key);
  if (!head) return head.error();
  move.job.source_etag = head->etag;
  move.job.size = head->size;
  move.job.crc64 = head->crc64;
  move.job.encryption = head->encryption;
  move.job.replace.reset();
  move.record->Update(head->etag, head->etag);
  move.newer = std::move(*head);
  return CopyVerified(context_.store, context_.executor, move.job, &move.unproven);
}

Status Renamer::CopyAndDelete(const Names& names, const Pair& pair, const std::string& from,
                              const std::string& to, bool& target_gone) {
  Result<FileMove> prepared = PrepareMove(names, pair, from, to);
  if (!prepared) return prepared.error();
  FileMove& move = *prepared;
  const CopyJob& job = move.job;
  Result<bool> check = parents_.Keep(names.parent, names.name);
  if (!check) return check.error();
  move.record = context_.writes.BeginRename(from, job.source_etag, to);
  const Result<WriteResult> copied = CopySource(move);
  // The run ends: what was canceled may be done all the same.
  if (!copied && copied.error().kind == ErrorKind::kCanceled) move.record->Leave();
  if (!copied && move.unproven) {
    target_gone = true;
    TakeBackCopy(names, {from, job.source_etag, to, *move.unproven}, copied.error());
    return copied.error();
  }
  if (!copied && copied.error().kind == ErrorKind::kAlreadyExists) return NameExists(names.new_name);
  if (!copied && copied.error().kind == ErrorKind::kNotFound) return NoEntry(names.name);
  if (!copied) {
    target_gone = copied.error().kind == ErrorKind::kUnavailable && IsReplaced(pair.target);
    return copied.error();
  }
  target_gone = true;
  if (copied->etag != job.source_etag) move.record->Update(job.source_etag, copied->etag);
  const ObjectVersion before{from, job.size, job.source_etag, job.crc64};
  const ObjectVersion after{to, job.size, copied->etag, job.crc64 ? job.crc64 : copied->crc64};
  if (move.newer) context_.reads.Retire(pair.source, before);
  // First: a read must not ask for what is being deleted.
  const auto readers = context_.BeginReplacement(pair.source, before);
  context_.Rebind(readers.get(), move.file.get(), before, after);
  if (Status deleted = DeleteSource(names, pair, {from, job.source_etag, to, copied->etag}); !deleted) {
    if (deleted.error().kind == ErrorKind::kCanceled) move.record->Leave();
    context_.Rebind(readers.get(), move.file.get(), after, before);
    return deleted;
  }
  TakeMoved(names, pair, move, after);
  if (move.newer) context_.Tell({{pair.source}, {}});
  return *check ? parents_.CheckAfter(names.parent) : Status();
}

// When all answers to a copy were lost.
bool Renamer::IsReplaced(Ino target) {
  ObjectVersion before;
  {
    MutexLock lock(context_.tree.mutex);
    const Node* node = context_.tree.Find(target);
    if (node == nullptr || !node->published) return false;
    before = context_.VersionOf(node);
  }
  const Result<ObjectInfo> now = context_.store.Head(before.key);
  return now && now->etag != before.etag;
}

Status Renamer::DeleteSource(const Names& names, const Pair& pair, const MadeCopy& copy) {
  Status deleted = context_.store.Delete(copy.from);
  if (deleted || deleted.error().kind == ErrorKind::kCanceled) return deleted;
  const Result<ObjectInfo> source = context_.store.Head(copy.from);
  if (!source && source.error().kind == ErrorKind::kNotFound) return {};  // only the answer was lost
  const bool is_same = source && (copy.from_etag.empty() || source->etag == copy.from_etag);
  // A file that had the new name is gone in any case, and somebody may count on the name.
  const bool undo = pair.target == 0 && is_same && IsRefused(deleted.error());
  if (undo)
    TakeBackCopy(names, copy, deleted.error());
  else
    TellCopyStays(names, copy, deleted.error());
  return deleted;
}

void Renamer::TakeBackCopy(const Names& names, const MadeCopy& copy, const Error& why) {
  const Result<bool> deleted = DeleteVersion(context_.store, copy.to, copy.to_etag);
  if (!deleted) TellCopyStays(names, copy, why);
}

void Renamer::TellCopyStays(const Names& names, const MadeCopy& copy, const Error& why) {
  Log(LogLevel::kWarning, StrCat("The rename of ", copy.from, " to ", copy.to,
                                 " failed after its copy was made, and both objects stay: ", why.ToString(),
                                 ". Repeat the rename, or remove the new one."));
  // Nobody here has seen the copy.
  MutexLock lock(context_.tree.mutex);
  context_.tree.absent.Erase(names.new_parent, names.new_name);
  if (Node* directory = context_.tree.Find(names.new_parent)) directory->directory->complete = false;
}

void Renamer::TakeMoved(const Names& names, const Pair& pair, const FileMove& move, const ObjectVersion& after) {
  MutexLock lock(context_.tree.mutex);
  Node* node = context_.tree.Find(pair.source);
  if (node != nullptr && node->extra && move.takes_attributes && node->local_stamp == move.stamp)
    MarkStored(*node->extra);
  const Node* target = context_.tree.Find(pair.target);
  if (target != nullptr && target->extra && target->extra->open)
    target->extra->open->successor = {pair.source, after.etag, context_.clock.NowSteady()};
  Reattach(names, pair);
  if (node == nullptr) return;
  if (move.newer) {
    context_.NoteReplaced(node, std::exchange(node->size, after.size));
    // With its own attributes: those that were known are of the version before.
    if (!node->extra || !node->extra->mtime_chosen) node->mtime_ns = WallNs(move.newer->mtime_s);
    TakeMetadata(context_.tree, node, *move.newer, MtimeOf::kNewVersion);
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
  Result<bool> check = parents_.Keep(names.parent, names.name);
  if (!check) return check.error();
  std::string etag;
  {
    MutexLock lock(context_.tree.mutex);
    if (const Node* node = context_.tree.Find(pair.source)) etag = node->etag.Text();
  }
  const auto record = context_.writes.BeginRename(from, etag, to);
  Result<WriteResult> copied = context_.store.Copy(request);
  if (!copied && copied.error().kind == ErrorKind::kCanceled) record->Leave();
  if (!copied && copied.error().kind == ErrorKind::kAlreadyExists) return NameExists(names.new_name);
  if (!copied) return copied.error();
  target_gone = true;
  if (copied->etag != etag) record->Update(etag, copied->etag);
  if (Status deleted = DeleteSource(names, pair, {from, etag, to, copied->etag}); !deleted) {
    if (deleted.error().kind == ErrorKind::kCanceled) record->Leave();
    return deleted;
  }
  {
    MutexLock lock(context_.tree.mutex);
    Node* node = context_.tree.Find(pair.source);
    Reattach(names, pair);
    if (node != nullptr) TakeWritten(context_, node, copied->etag, std::nullopt);
  }
  return *check ? parents_.CheckAfter(names.parent) : Status();
}

}  // namespace ossfs2
