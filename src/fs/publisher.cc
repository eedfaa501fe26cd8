#include "fs/publisher.h"

#include <cerrno>

#include "base/log.h"
#include "base/str.h"
#include "fs/attributes.h"
#include "fs/names.h"
#include "fs/object_facts.h"
#include "fs/open_file.h"
#include "fs/parallel.h"
#include "fs/store_calls.h"

namespace ossfs2 {
namespace {

// Up to here a file is surely one PUT, whose metadata is free to choose at the end.
constexpr uint64_t kSmallFileBytes = 1ull << 20;
constexpr auto kTick = std::chrono::milliseconds(500);
constexpr auto kRetryDelay = std::chrono::seconds(30);
constexpr size_t kSaveWidth = 16;
constexpr int kMarkerTriesMax = 8;

bool IsGone(const Error& error) {
  return error.kind == ErrorKind::kVersionChanged || error.kind == ErrorKind::kNotFound;
}

// Between the end of a publication and the change of its node the file is clean, and the node has the old size.
class Storing {
 public:
  explicit Storing(OpenFile& file) : file_(file) { file_.storing = true; }
  ~Storing() { file_.storing = false; }
  Storing(const Storing&) = delete;
  Storing& operator=(const Storing&) = delete;

 private:
  OpenFile& file_;
};

Error TooMuchMetadata(const std::string& key) {
  return MakeError(
      ENOSPC, ErrorKind::kNoSpace,
      StrCat(key, ": attributes of one object may have 8 KiB; its extended attributes are too large."));
}

}  // namespace

WriteOptions Publisher::UploadOptionsOf(const Node* node) const {
  WriteOptions options;
  options.metadata = StoredMetadata(node, context_.options);
  const NodeExtra* extra = node->extra.get();
  if (extra == nullptr || !extra->chosen) options.metadata.erase("mtime");
  if (extra != nullptr) options.content_type = extra->content_type;
  return options;
}

Status Publisher::Publish(Ino ino, bool sync) {
  Result<NameLocks::Guard> guard = locker_.LockNode(ino);
  if (!guard) return guard.error();
  return PublishLocked(ino, sync);
}

Status Publisher::PublishLocked(Ino ino, bool sync) {
  const NodeChange change(context_.tree, ino);
  std::shared_ptr<OpenFile> file;
  WriteOptions options;
  Ino parent = 0;
  bool needs_flag = false;
  int64_t written_ns = 0;
  uint64_t stamp = 0;
  {
    MutexLock lock(context_.tree.mutex);
    Node* node = context_.tree.Find(ino);
    if (node == nullptr || !node->extra || !node->extra->open) return {};
    file = node->extra->open;
    const auto writer = file->writer();
    if (!writer) return {};
    if (Status stuck = writer->sticky_error(); !stuck) return stuck;
    if (node->unlinked || !writer->dirty()) return {};
    written_ns = file->last_write_ns;
    if (written_ns != 0) {
      node->mtime_ns = written_ns;
      node->extra->mtime_chosen = false;
    }
    options = UploadOptionsOf(node);
    if (context_.options.keep_attributes && writer->size() <= kSmallFileBytes)
      options.metadata["mtime"] = FormatTime(node->mtime_ns);
    needs_flag = node->extra->chosen && context_.options.keep_attributes;
    parent = node->parent->ino;
    stamp = node->local_stamp;
  }
  if (MetadataBytes(options.metadata) > kMetadataBytesMax) return TooMuchMetadata(std::to_string(ino));
  if (needs_flag) OSSFS2_RETURN_IF_ERROR(EnsureFlag(parent));
  const auto writer = file->writer();
  const Storing storing(*file);
  Result<Published> published = sync ? writer->Sync(options) : writer->Publish(options);
  if (!published) return published.error();
  int64_t expected = written_ns;
  file->last_write_ns.compare_exchange_strong(expected, 0);
  if (!published->changed) return {};
  context_.tails.Put(published->version, std::move(published->tail));
  MutexLock lock(context_.tree.mutex);
  Node* node = context_.tree.Find(ino);
  if (node == nullptr) return {};
  if (node->local_stamp == stamp && node->extra) {
    node->extra->pending = node->extra->mtime_chosen = node->extra->xattrs_changed = false;
  }
  node->size = published->version.size;
  TakeWritten(context_, node, published->version.etag, published->version.crc64);
  context_.tree.Extra(node).metadata_known = true;
  file->version.fetch_add(1);
  return {};
}

// --- attributes ---

void Publisher::Note(Node* node) {
  if (stopped_) return;
  waiting_[node->ino] = context_.clock.NowSteady() + kAttributeDelay;
  Schedule();
}

void Publisher::Schedule() {
  if (ticking_ || stopped_ || waiting_.empty()) return;
  ticking_ = true;
  timer_.After(kTick, [this] { context_.Spawn([this] { SaveDue(); }); });
}

void Publisher::SaveDue() {
  std::vector<Ino> due;
  {
    MutexLock lock(context_.tree.mutex);
    const SteadyTime now = context_.clock.NowSteady();
    for (auto it = waiting_.begin(); it != waiting_.end();) {
      if (it->second > now) {
        ++it;
        continue;
      }
      due.push_back(it->first);
      it = waiting_.erase(it);
    }
  }
  RunParallel(context_.executor, due.size(), kSaveWidth, [this, &due](size_t i) {
    const Status saved = SaveAttributes(due[i]);
    if (saved || saved.error().errno_value == ESTALE) return;
    LogLimited(LogLevel::kWarning, StrCat("Attributes could not be kept: ", saved.error().ToString()));
    if (!saved.error().retryable) return;
    MutexLock lock(context_.tree.mutex);
    waiting_[due[i]] = context_.clock.NowSteady() + kRetryDelay;
  });
  MutexLock lock(context_.tree.mutex);
  ticking_ = false;
  Schedule();
}

void Publisher::Stop() {
  MutexLock lock(context_.tree.mutex);
  stopped_ = true;
}

Status Publisher::SaveAttributes(Ino ino) {
  Result<NameLocks::Guard> guard = locker_.LockNode(ino);
  if (!guard) return guard.error();
  return SaveAttributesLocked(ino);
}

Status Publisher::SaveAttributesLocked(Ino ino) {
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

Status Publisher::FetchForeign(Ino ino) {
  std::string key;
  {
    MutexLock lock(context_.tree.mutex);
    Node* node = context_.tree.Find(ino);
    if (node == nullptr || (node->extra && node->extra->metadata_known)) return {};
    if (node->unlinked || !node->published) return {};
    if (node->is_directory() && node->directory->marker == Known::kNo) return {};
    key = context_.tree.Key(node);
    if (key.empty()) return {};  // the root of a whole bucket
  }
  Result<ObjectInfo> head = context_.store.Head(key);
  MutexLock lock(context_.tree.mutex);
  Node* node = context_.tree.Find(ino);
  if (node == nullptr) return {};
  if (!head) {
    if (node->is_directory() && head.error().kind == ErrorKind::kNotFound) return {};
    return head.error();
  }
  if (node->is_directory()) {
    TakeMarker(context_, node, *head);
  } else if (node->etag.Equals(head->etag)) {
    TakeMetadata(context_.tree, node, *head, true);
  } else {
    node->valid_until = {};
    return StaleInode();
  }
  return {};
}

Status Publisher::StoreFile(Ino ino) {
  if (Status fetched = FetchForeign(ino); !fetched) return fetched;
  const NodeChange change(context_.tree, ino);
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
  }
  if (MetadataBytes(job.replace->metadata) > kMetadataBytesMax) return TooMuchMetadata(job.source_key);
  // A writer must not begin on the version that is being replaced.
  if (file) file->Freeze();
  Result<WriteResult> copied = WriteResult{};
  const bool dirty = file && file->dirty();
  if (!dirty) copied = CopyVerified(context_.store, context_.executor, job);
  if (!dirty && copied) {
    ObjectVersion before{job.source_key, job.size, job.source_etag, job.crc64};
    ObjectVersion after = before;
    after.etag = copied->etag;
    if (after.etag != before.etag && job.size > 0) context_.reads.Open(ino, before)->Rebind(after);
    if (file && file->writer()) file->writer()->Rebind(after, true);
    context_.tails.Rebind(before, after);
  }
  if (file) file->Thaw();
  if (dirty) return {};
  MutexLock lock(context_.tree.mutex);
  Node* node = context_.tree.Find(ino);
  if (node == nullptr || !node->extra) return {};
  if (!copied) {
    if (!IsGone(copied.error())) return copied.error();
    node->extra->pending = false;
    node->valid_until = {};
    return StaleInode();
  }
  if (node->local_stamp == stamp)
    node->extra->pending = node->extra->mtime_chosen = node->extra->xattrs_changed = false;
  TakeWritten(context_, node, copied->etag, job.crc64 ? job.crc64 : copied->crc64);
  return {};
}

Status Publisher::StoreLink(Ino ino) {
  if (Status fetched = FetchForeign(ino); !fetched) return fetched;
  std::string key;
  WriteOptions options;
  {
    MutexLock lock(context_.tree.mutex);
    Node* node = context_.tree.Find(ino);
    if (node == nullptr || node->unlinked) return {};
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
  node->extra->pending = node->extra->mtime_chosen = false;
  TakeWritten(context_, node, stored->etag, std::nullopt);
  return {};
}

Status Publisher::EnsureFlag(Ino directory) {
  bool bucket_root = false;
  {
    MutexLock lock(context_.tree.mutex);
    Node* node = context_.tree.Find(directory);
    if (node == nullptr || node->unlinked) return {};
    if (node->directory->keeps_attributes == Known::kYes) return {};
    bucket_root = node->parent == nullptr && context_.prefix.empty();
  }
  if (bucket_root) {
    Result<WriteResult> put = PutEmpty(context_.store, std::string(kRootFlagName), {});
    if (!put) return put.error();
    MutexLock lock(context_.tree.mutex);
    context_.tree.root()->directory->keeps_attributes = Known::kYes;
    return {};
  }
  OSSFS2_RETURN_IF_ERROR(FetchForeign(directory));
  {
    MutexLock lock(context_.tree.mutex);
    Node* node = context_.tree.Find(directory);
    if (node == nullptr || node->directory->keeps_attributes == Known::kYes) return {};
    node->directory->keeps_attributes = Known::kYes;
    node->local_stamp = context_.tree.NextStamp();
  }
  Status put = PutMarker(directory);
  if (put) return put;
  MutexLock lock(context_.tree.mutex);
  if (Node* node = context_.tree.Find(directory)) node->directory->keeps_attributes = Known::kUnknown;
  return put;
}

Status Publisher::PutMarker(Ino directory) {
  OSSFS2_RETURN_IF_ERROR(FetchForeign(directory));
  // The flag and the directory's own attributes are stored by different callers, maybe at once: who finds
  // that something changed while its request was under way stores all again, so the last one has it all.
  for (int tries = 0; tries < kMarkerTriesMax; ++tries) {
    std::string key;
    WriteOptions options;
    uint64_t stamp = 0;
    {
      MutexLock lock(context_.tree.mutex);
      const Node* node = context_.tree.Find(directory);
      if (node == nullptr || node->unlinked) return {};
      key = context_.tree.Key(node);
      options.metadata = StoredMetadata(node, context_.options);
      stamp = node->local_stamp;
    }
    if (key.empty()) return {};  // the root of a whole bucket has no object
    if (MetadataBytes(options.metadata) > kMetadataBytesMax) return TooMuchMetadata(key);
    Result<WriteResult> put = PutEmpty(context_.store, key, options);
    if (!put) return put.error();
    MutexLock lock(context_.tree.mutex);
    Node* node = context_.tree.Find(directory);
    if (node == nullptr) return {};
    const bool changed = node->local_stamp != stamp;
    node->directory->marker = Known::kYes;
    node->local_stamp = context_.tree.NextStamp();
    NodeExtra& extra = context_.tree.Extra(node);
    extra.metadata_known = true;
    if (changed) continue;
    extra.pending = extra.mtime_chosen = extra.xattrs_changed = false;
    return {};
  }
  return {};  // `pending` stays: what changes all the time is stored by the next save
}

}  // namespace ossfs2
