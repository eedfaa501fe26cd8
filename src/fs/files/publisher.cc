#include "fs/files/publisher.h"

#include <cerrno>
#include <utility>

#include "base/report/metrics.h"
#include "base/values/str.h"
#include "fs/handles/open_file.h"
#include "fs/shared/attributes.h"
#include "fs/shared/object_facts.h"

namespace ossfs2 {
namespace {

// Up to here a file is surely one PUT, whose metadata is free to choose at the end.
constexpr uint64_t kSmallFileBytes = 1ull << 20;

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

Counter& Failures() {
  static Counter& counter =
      Registry::Default().counter("publish_errors_total", "Closes, fsyncs and renames that could not store a file");
  return counter;
}

Error RemovedRemotely(const Node* node) {
  return MakeError(ESTALE, ErrorKind::kNotFound,
                   StrCat("'", node->name,
                          "' was removed or replaced in the bucket while it was open here. What was written since "
                          "cannot be stored under that name; write it to a new file."));
}

// The marker's error names the folder only.
Error NotStored(const std::string& key, Error error) {
  error.text = StrCat("'", key, "' is not stored, since its folder's marker is not: ", error.text);
  return error;
}

}  // namespace

WriteOptions Publisher::UploadOptionsOf(const Node* node) const {
  WriteOptions options;
  options.metadata = StoredMetadata(node, context_.options);
  const NodeExtra* extra = node->extra.get();
  if (extra == nullptr || !extra->chosen || !extra->mtime_chosen) options.metadata.erase("mtime");
  if (extra == nullptr) return options;
  options.content_type = extra->content_type;
  options.encryption = extra->encryption;
  options.tags = extra->tags;
  return options;
}

Status Publisher::Publish(Ino ino, PublishFor purpose) {
  Result<NameLocks::Guard> guard = locker_.LockNode(ino);
  if (!guard) return guard.error();
  return PublishLocked(ino, purpose);
}

Status Publisher::PublishLocked(Ino ino, PublishFor purpose) {
  Status status = Store(ino, purpose);
  if (!status) Failures().Add();
  return status;
}

Status Publisher::Store(Ino ino, PublishFor purpose) {
  const NodeMark changing(context_.tree, ino, &Node::changing);
  Result<Job> prepared = Prepare(ino);
  if (!prepared) return prepared.error();
  Job& job = *prepared;
  if (!job.writer) return {};
  OSSFS2_RETURN_IF_ERROR(CheckMetadata(job.options.metadata, job.key));
  if (job.needs_flag) {
    if (Status flagged = saver_.TryFlag(job.parent); !flagged) return NotStored(job.key, std::move(flagged.error()));
  }
  const Storing storing(*job.file);
  Result<Published> published =
      purpose == PublishFor::kFsync ? job.writer->Sync(job.options) : job.writer->Publish(job.options);
  if (!published) return published.error();
  int64_t expected = job.written_ns;
  job.file->last_write_ns.compare_exchange_strong(expected, 0);
  if (!published->changed) return {};
  context_.written_pages.Put(published->version, std::move(published->pages));
  MutexLock lock(context_.tree.mutex);
  Node* node = context_.tree.Find(ino);
  if (node == nullptr) return {};
  if (node->local_stamp == job.stamp) NoteOptions(node, published->options_stored);
  node->size = published->version.size;
  TakeWritten(context_, node, published->version.etag, published->version.crc64, published->mtime_s);
  NodeExtra& extra = context_.tree.Extra(node);
  extra.metadata_known = true;
  extra.serving.clear();
  context_.tree.Recount(node);
  job.file->version.fetch_add(1);
  return {};
}

// The object may be whole without its attributes: one copy was refused (for its size), or failed. The saver has more
// ways.
void Publisher::NoteOptions(Node* node, bool stored) {
  NodeExtra& extra = context_.tree.Extra(node);
  if (stored) return MarkStored(extra);
  if (!extra.chosen && !extra.pending) return;
  extra.pending = true;
  saver_.SharesTree(context_.tree);
  saver_.Note(node);
}

Result<Publisher::Job> Publisher::Prepare(Ino ino) {
  MutexLock lock(context_.tree.mutex);
  Job job;
  Node* node = context_.tree.Find(ino);
  if (node == nullptr || !node->extra || !node->extra->open) return job;
  job.file = node->extra->open;
  const auto writer = job.file->writer();
  if (!writer) return job;
  if (Status stuck = writer->sticky_error(); !stuck) return stuck.error();
  if (!writer->dirty()) return job;
  if (node->leaving == 0 && job.file->removed_remotely()) return RemovedRemotely(node);
  if (node->unlinked) return job;
  job.writer = writer;
  job.written_ns = job.file->last_write_ns;
  if (job.written_ns != 0) {
    node->mtime_ns = job.written_ns;
    node->extra->mtime_chosen = false;
  }
  job.options = UploadOptionsOf(node);
  // A large upload was opened without the time of the last write, which nobody chose: to add it now costs a copy.
  const bool time_stays = node->extra->chosen && job.written_ns == 0;
  if (context_.options.keep_attributes && (time_stays || writer->size() <= kSmallFileBytes))
    job.options.metadata["mtime"] = FormatTime(node->mtime_ns);
  job.needs_flag = node->extra->chosen && context_.options.keep_attributes;
  job.parent = node->parent->ino;
  job.key = context_.tree.Key(node);
  job.stamp = node->local_stamp;
  return job;
}

}  // namespace ossfs2
