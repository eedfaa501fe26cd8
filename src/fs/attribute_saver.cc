#include "fs/attribute_saver.h"

#include <cerrno>

#include "base/log.h"
#include "base/str.h"
#include "fs/attributes.h"
#include "fs/names.h"
#include "fs/object_facts.h"
#include "fs/open_file.h"
#include "fs/parallel.h"

namespace ossfs2 {
namespace {

constexpr auto kTick = std::chrono::milliseconds(500);
constexpr auto kRetryDelay = std::chrono::seconds(30);
constexpr size_t kSaveWidth = 16;
constexpr int kMarkerTriesMax = 8;

bool IsGone(const Error& error) {
  return error.kind == ErrorKind::kVersionChanged || error.kind == ErrorKind::kNotFound;
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

void AttributeSaver::Note(Node* node) {
  if (stopped_) return;
  waiting_[node->ino] = context_.clock.NowSteady() + kAttributeDelay;
  Schedule();
}

void AttributeSaver::Schedule() {
  if (ticking_ || stopped_ || waiting_.empty()) return;
  ticking_ = true;
  timer_.After(kTick, [this] { context_.Spawn([this] { SaveDue(); }); });
}

void AttributeSaver::SaveDue() {
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
    const Status saved = Save(due[i]);
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

void AttributeSaver::Stop() {
  MutexLock lock(context_.tree.mutex);
  stopped_ = true;
}

Status AttributeSaver::Save(Ino ino) {
  Result<NameLocks::Guard> guard = locker_.LockNode(ino);
  if (!guard) return guard.error();
  return SaveLocked(ino);
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
    if (stored != nullptr) *stored = std::move(head->metadata);
  } else {
    node->valid_until = {};
    return StaleInode();
  }
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
    if (!IsGone(copied->error())) return copied->error();
    node->extra->pending = false;
    node->valid_until = {};
    return StaleInode();
  }
  if (node->local_stamp == stamp) MarkStored(*node->extra);
  TakeWritten(context_, node, (*copied)->etag, job.crc64 ? job.crc64 : (*copied)->crc64);
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
  TakeWritten(context_, node, stored->etag, std::nullopt);
  return {};
}

Status AttributeSaver::EnsureFlag(Ino directory) {
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

Status AttributeSaver::PutMarker(Ino directory) {
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
    OSSFS2_RETURN_IF_ERROR(CheckMetadata(options.metadata, key));
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
    MarkStored(extra);
    return {};
  }
  return {};  // `pending` stays: what changes all the time is stored by the next save
}

}  // namespace ossfs2
