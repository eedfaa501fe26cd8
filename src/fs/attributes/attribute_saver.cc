#include "fs/attributes/attribute_saver.h"

#include <cerrno>

#include "base/report/log.h"
#include "base/time/wall_time.h"
#include "base/values/str.h"
#include "fs/handles/open_file.h"
#include "fs/shared/attributes.h"
#include "fs/shared/object_facts.h"

namespace ossfs2 {
namespace {

bool IsGone(const Error& error) {
  return error.kind == ErrorKind::kVersionChanged || error.kind == ErrorKind::kNotFound;
}

bool MayBeDone(const Error& error) {
  return error.kind == ErrorKind::kCorrupt || error.kind == ErrorKind::kUnavailable;
}

// The gate of an open file closed; null: it is not open.
class FrozenFile {
 public:
  explicit FrozenFile(OpenFile* file) : file_(file) {
    if (file_ != nullptr) file_->Freeze();
  }
  ~FrozenFile() {
    if (file_ != nullptr) file_->Thaw();
  }
  FrozenFile(const FrozenFile&) = delete;
  FrozenFile& operator=(const FrozenFile&) = delete;

 private:
  OpenFile* const file_;
};

}  // namespace

bool AttributeSaver::IsFinal(const Error& error) {
  switch (error.kind) {
    case ErrorKind::kUnavailable:
    case ErrorKind::kThrottled:
    case ErrorKind::kExpiredCredential:
    case ErrorKind::kClockSkew:
    case ErrorKind::kCanceled:
      return false;
    default:
      return !error.retryable;
  }
}

Status AttributeSaver::Save(Ino ino) {
  Result<NameLocks::Guard> guard = locker_.LockNode(ino);
  if (!guard) return guard.error();
  Status saved = SaveLocked(ino);
  if (!saved && IsFinal(saved.error()) && saved.error().errno_value != ESTALE) GiveUp(ino, saved.error());
  return saved;
}

Status AttributeSaver::SaveAtEnd(Ino ino) {
  {
    MutexLock lock(context_.tree.mutex);
    if (!ending_) return {};
  }
  return Save(ino);
}

// Nobody is told by a call of his own, and the change would be shown here until the end and be gone in the next mount.
void AttributeSaver::GiveUp(Ino ino, const Error& why) {
  std::string key;
  uint64_t stamp = 0;
  {
    MutexLock lock(context_.tree.mutex);
    const Node* node = context_.tree.Find(ino);
    if (node == nullptr || node->unlinked || !node->extra || !node->extra->pending) return;
    key = context_.tree.Key(node);
    stamp = node->local_stamp;
  }
  Log(LogLevel::kWarning,
      StrCat("Changed attributes of ", key,
             " (mode, owner, times or extended ones) cannot be stored and are given up: ", why.ToString()));
  const Result<ObjectInfo> stored = context_.store.Head(key);
  {
    MutexLock lock(context_.tree.mutex);
    Node* node = context_.tree.Find(ino);
    if (node == nullptr || node->unlinked || !node->extra) return;
    // Changed meanwhile, or another answer has brought news of it: tried once more for that.
    if (node->local_stamp != stamp) return Note(node);
    TakeStored(node, stored);
  }
  if (KernelNotifier* kernel = context_.notifier) kernel->InvalidateAttributes(ino);
}

void AttributeSaver::TakeStored(Node* node, const Result<ObjectInfo>& stored) {
  NodeExtra& extra = *node->extra;
  MarkStored(extra);
  extra.chosen = extra.metadata_known = false;
  extra.mode.reset();
  extra.uid.reset();
  extra.gid.reset();
  extra.atime_ns.reset();
  extra.xattrs.clear();
  context_.tree.Recount(node);
  if (!stored || (!node->is_directory() && !node->etag.Equals(stored->etag))) {
    node->valid_until = {};
    return;
  }
  node->mtime_ns = WallNs(stored->mtime_s);
  if (node->is_directory())
    TakeMarker(context_, node, *stored);
  else
    TakeMetadata(context_.tree, node, *stored, MtimeOf::kNewVersion);
}

Status AttributeSaver::SaveLocked(Ino ino) {
  NodeType type = NodeType::kFile;
  Ino parent = 0;
  bool needs_flag = false;
  {
    MutexLock lock(context_.tree.mutex);
    Node* node = context_.tree.Find(ino);
    if (node == nullptr || !node->extra || !node->extra->pending) return {};
    if (node->unlinked || !context_.options.keep_attributes || context_.options.read_only) {
      node->extra->pending = false;
      return {};
    }
    // A dirty file's attributes go with its upload.
    if (!node->published || (node->extra->open && node->extra->open->dirty())) return {};
    type = node->type;
    parent = node->parent != nullptr ? node->parent->ino : 0;
    needs_flag = node->extra->chosen && parent != 0;
  }
  if (needs_flag) OSSFS2_RETURN_IF_ERROR(EnsureFlag(parent));
  if (type == NodeType::kDirectory) return PutMarker(ino);
  return type == NodeType::kSymlink ? StoreLink(ino) : StoreFile(ino);
}

Status AttributeSaver::FetchForeign(Ino ino, std::optional<Metadata>* stored) {
  std::string key;
  uint64_t stamp = 0;
  {
    MutexLock lock(context_.tree.mutex);
    Node* node = context_.tree.Find(ino);
    if (node == nullptr || (node->extra && node->extra->metadata_known)) return {};
    if (node->unlinked || !node->published) return {};
    if (node->is_directory() && node->directory->marker == Known::kNo) return {};
    key = context_.tree.Key(node);
    if (key.empty()) return {};  // the root of a whole bucket
    stamp = context_.tree.NextStamp();
  }
  Result<ObjectInfo> head = context_.store.Head(key);
  MutexLock lock(context_.tree.mutex);
  Node* node = context_.tree.Find(ino);
  if (node == nullptr) return {};
  // Asked for and maybe stored by somebody else meanwhile, who knows more.
  if (node->local_stamp > stamp && node->extra && node->extra->metadata_known) return {};
  if (!head) {
    if (node->is_directory() && head.error().kind == ErrorKind::kNotFound) return {};
    return head.error();
  }
  if (node->is_directory()) {
    TakeMarker(context_, node, *head);
  } else if (node->etag.Equals(head->etag)) {
    TakeMetadata(context_.tree, node, *head, MtimeOf::kShownVersion);
    if (stored != nullptr) *stored = std::move(head->metadata);
  } else {
    node->valid_until = {};
    return context_.Stale(ino);
  }
  lock.Unlock();
  context_.Shrink();
  return {};
}

Status AttributeSaver::StoreFile(Ino ino) {
  std::optional<Metadata> stored;
  if (Status fetched = FetchForeign(ino, &stored); !fetched) return fetched;
  const NodeMark changing(context_.tree, ino, &Node::changing);
  CopyJob job;
  std::shared_ptr<OpenFile> file;
  uint64_t stamp = 0;
  {
    MutexLock lock(context_.tree.mutex);
    Node* node = context_.tree.Find(ino);
    if (node == nullptr || node->unlinked) return {};
    file = node->extra->open;
    stamp = node->local_stamp;
    job.source_key = job.target_key = context_.tree.Key(node);
    job.source_etag = node->etag.Text();
    job.size = node->size;
    job.crc64 = node->extra->crc64;
    job.replace.emplace();
    job.replace->metadata = StoredMetadata(node, context_.options);
    job.replace->content_type = node->extra->content_type;
    job.replace->serving = node->extra->serving;
    if (node->extra->metadata_known) job.encryption = node->extra->encryption;
    if (stored == job.replace->metadata) {  // the change was none
      MarkStored(*node->extra);
      return {};
    }
  }
  OSSFS2_RETURN_IF_ERROR(CheckMetadata(job.replace->metadata, job.source_key));
  const auto readers = context_.BeginReplacement(ino, {job.source_key, job.size, job.source_etag, job.crc64});
  const std::optional<Result<WriteResult>> copied = CopyOntoItself(job, file.get(), readers.get());
  if (!copied) return {};
  MutexLock lock(context_.tree.mutex);
  Node* node = context_.tree.Find(ino);
  if (node == nullptr || !node->extra) return {};
  if (!*copied) {
    // The object may have been replaced by itself all the same, and have another ETag.
    if (MayBeDone(copied->error())) node->valid_until = {};
    if (!IsGone(copied->error())) return copied->error();
    node->extra->pending = false;
    node->valid_until = {};
    return context_.Stale(ino);
  }
  if (node->local_stamp == stamp) MarkStored(*node->extra);
  TakeWritten(context_, node, (*copied)->etag, job.crc64 ? job.crc64 : (*copied)->crc64, (*copied)->mtime_s);
  return {};
}

std::optional<Result<WriteResult>> AttributeSaver::CopyOntoItself(const CopyJob& job, OpenFile* file,
                                                                  Replacement* readers) {
  // A writer must not begin on the version that is being replaced.
  const FrozenFile frozen(file);
  if (file != nullptr && file->dirty()) return std::nullopt;
  Result<WriteResult> copied = CopyVerified(context_.store, context_.executor, job);
  if (!copied) return copied;
  const ObjectVersion before{job.source_key, job.size, job.source_etag, job.crc64};
  ObjectVersion after = before;
  after.etag = copied->etag;
  context_.Rebind(readers, file, before, after);
  return copied;
}

Status AttributeSaver::StoreLink(Ino ino) {
  if (Status fetched = FetchForeign(ino); !fetched) return fetched;
  const NodeMark changing(context_.tree, ino, &Node::changing);
  std::string key;
  WriteOptions options;
  uint64_t stamp = 0;
  {
    MutexLock lock(context_.tree.mutex);
    Node* node = context_.tree.Find(ino);
    if (node == nullptr || node->unlinked) return {};
    stamp = node->local_stamp;
    key = context_.tree.Key(node);
    options.metadata = StoredMetadata(node, context_.options);
  }
  Result<std::string> target = context_.store.GetSymlink(key);
  if (!target) return target.error();
  Result<WriteResult> stored = context_.store.PutSymlink(key, *target, options);
  if (!stored) return stored.error();
  MutexLock lock(context_.tree.mutex);
  Node* node = context_.tree.Find(ino);
  if (node == nullptr || !node->extra) return {};
  if (node->local_stamp == stamp) MarkStored(*node->extra);
  TakeWritten(context_, node, stored->etag, std::nullopt, stored->mtime_s);
  return {};
}

}  // namespace ossfs2
