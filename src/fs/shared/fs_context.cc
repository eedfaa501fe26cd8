#include "fs/shared/fs_context.h"

#include <algorithm>
#include <cerrno>

#include "base/machine/page_size.h"
#include "base/values/str.h"
#include "fs/handles/open_file.h"
#include "fs/shared/attributes.h"
#include "fs/tree/names.h"

namespace ossfs2 {
namespace {

constexpr uint64_t kAbsentNamesMin = 1000;
constexpr double kForeverS = 1e9;  // longer time-outs are the same as this one

double Seconds(SteadyTime::duration duration) { return std::chrono::duration<double>(duration).count(); }

}  // namespace

FsContext::FsContext(ObjectStore& store_arg, ReadEngine& reads_arg, WriteEngine& writes_arg,
                     Executor& executor_arg, const FsOptions& options_arg, Clock& clock_arg)
    : store(store_arg),
      reads(reads_arg),
      writes(writes_arg),
      executor(executor_arg),
      options(options_arg),
      clock(clock_arg),
      prefix(NormalizePrefix(options_arg.prefix)),
      tree(prefix, options_arg.metadata_bytes_max,
           std::max(options_arg.oss_negative_cache_size, kAbsentNamesMin), clock_arg),
      written_pages(std::min(WrittenPages::kBytesMax, options_arg.metadata_bytes_max / 8), KernelPageBytes()) {}

Status FsContext::CheckWritable(Ino ino) {
  if (!options.read_only) return {};
  MutexLock lock(tree.mutex);
  return ReadOnlyMount(PathOf(ino));
}

SteadyTime FsContext::ValidUntil() const {
  const std::chrono::duration<double> timeout(std::clamp(options.attr_timeout_s.value(), 0.0, kForeverS));
  return clock.NowSteady() + std::chrono::duration_cast<SteadyTime::duration>(timeout);
}

bool FsContext::IsFresh(const Node* node) const {
  if (!node->published || clock.NowSteady() < node->valid_until) return true;
  return node->extra && node->extra->open && node->extra->open->ahead();
}

bool FsContext::IsListed(const Node* directory) const {
  return directory->directory->complete && clock.NowSteady() < directory->directory->fresh_until;
}

bool FsContext::SaysAbsent(const Node* directory, double believed_s) const {
  if (!IsListed(directory)) return false;
  // Below 0 when attr_timeout was made shorter since: then its age is not known.
  const double age_s =
      options.attr_timeout_s - Seconds(directory->directory->fresh_until - clock.NowSteady());
  return std::max(age_s, 0.0) < believed_s;
}

bool FsContext::NeedsMetadata(const Node* node) const {
  if (!options.keep_attributes || !node->published || node->parent == nullptr) return false;
  // Lists tell the size of a link's target key, not that of its text, which is in the metadata.
  const bool is_link = node->type == NodeType::kSymlink;
  if (!is_link && node->parent->directory->keeps_attributes != Known::kYes) return false;
  return !node->extra || !node->extra->metadata_known;
}

void FsContext::NoteReplaced(Node* node, uint64_t size_before) {
  ++node->pages_made;
  if (!node->extra || !node->extra->open) return;
  OpenFile& file = *node->extra->open;
  ++file.replaced;
  if (node->size > size_before && !file.shown_size) file.shown_size = size_before;
}

OpenFile* FsContext::WithOldSize(Ino ino) {
  const Node* node = tree.Find(ino);
  OpenFile* file = node != nullptr && node->extra ? node->extra->open.get() : nullptr;
  return file != nullptr && file->shown_size ? file : nullptr;
}

void FsContext::ShowSizes(const std::vector<Ino>& inodes) {
  KernelNotifier* kernel = notifier.load();
  for (const Ino ino : inodes) {
    MutexLock lock(tree.mutex);
    if (WithOldSize(ino) == nullptr) continue;
    if (kernel != nullptr) {
      lock.Unlock();
      // What holds one up for so long holds up the others, too.
      if (!kernel->AwaitInode(ino)) kernel = nullptr;
      lock.Lock();
    }
    if (OpenFile* file = WithOldSize(ino)) file->shown_size.reset();
  }
}

double FsContext::AttrValidS(const Node* node) const {
  // Behind the size that the kernel believes, a read by an old handle meets the end: it has to ask before (GetAttr).
  if (node->extra && node->extra->open && node->extra->open->replaced > 0) return 0;
  const double own = options.kernel_attr_timeout_s;
  if (own >= 0) return own;
  if (node->parent == nullptr || !node->published) return options.attr_timeout_s;
  return std::clamp(Seconds(node->valid_until - clock.NowSteady()), 0.0, options.attr_timeout_s.value());
}

Entry FsContext::MakeEntry(const Node* node) const {
  Entry entry;
  entry.attr = ShownAttr(node, options);
  entry.attr_valid_s = AttrValidS(node);
  const double own = options.kernel_entry_timeout_s;
  entry.entry_valid_s = own >= 0 ? own : entry.attr_valid_s;
  if (own < 0 && options.kernel_attr_timeout_s >= 0)
    entry.entry_valid_s =
        std::clamp(Seconds(node->valid_until - clock.NowSteady()), 0.0, options.attr_timeout_s.value());
  return entry;
}

ObjectVersion FsContext::VersionOf(const Node* node) const {
  ObjectVersion version;
  version.key = tree.Key(node);
  version.size = node->size;
  version.etag = node->etag.Text();
  if (node->extra) version.crc64 = node->extra->crc64;
  return version;
}

std::string FsContext::PathOf(Ino ino) {
  const Node* node = tree.Find(ino);
  if (node == nullptr) return StrCat("Inode ", ino);
  return node->unlinked ? StrCat("'", node->name, "'") : tree.Path(node);
}

Error FsContext::MakeStale(Ino ino) {
  MutexLock lock(tree.mutex);
  return Stale(ino);
}

void FsContext::TouchDirectory(Node* directory) {
  directory->mtime_ns = std::max(directory->mtime_ns, clock.NowWallNs());
}

std::unique_ptr<Replacement> FsContext::BeginReplacement(Ino ino, const ObjectVersion& before) {
  return before.size > 0 ? reads.BeginReplacement(ino, before) : nullptr;
}

void FsContext::Rebind(Replacement* readers, const OpenFile* file, const ObjectVersion& before,
                       const ObjectVersion& after) {
  const bool moved = before.key != after.key || before.etag != after.etag;
  if (moved && readers != nullptr) readers->Rebind(after);
  if (file != nullptr && file->writer()) file->writer()->Rebind(after, true);
  written_pages.Rebind(before, after);
}

void FsContext::Tell(const Notices& notices) {
  KernelNotifier* kernel = notifier.load();
  for (const Ino ino : notices.inodes) {
    reads.StopFilling(ino, StoresUnderWay::kLeave);
    if (kernel == nullptr) continue;
    kernel->InvalidateAttributes(ino);
    kernel->InvalidateInode(ino);
  }
  // After the notices: one that comes late lets the kernel ignore a size that it has asked for (WithdrawInode).
  for (const Ino ino : notices.inodes) reads.EndRetired(ino);
  if (kernel != nullptr)
    for (const auto& [parent, name] : notices.entries) kernel->InvalidateEntry(parent, name);
  ShowSizes(notices.inodes);
}

void FsContext::Shrink() {
  Notices notices;
  KernelNotifier* kernel = notifier.load();
  const size_t asked = kernel == nullptr ? 0 : kernel->EntriesWaiting();
  {
    MutexLock lock(tree.mutex);
    notices.entries = tree.Shrink(asked);
  }
  if (!notices.entries.empty()) Tell(notices);
}

std::function<void()> FsContext::Counted(std::function<void()> task) {
  MutexLock lock(tasks_mutex_);
  ++tasks_;
  return [this, work = std::move(task)] {
    work();
    EndTask();
  };
}

void FsContext::EndTask() {
  MutexLock lock(tasks_mutex_);
  if (--tasks_ == 0) tasks_done_.NotifyAll();
}

void FsContext::Spawn(std::function<void()> task) { executor.Run(Counted(std::move(task))); }

bool FsContext::TrySpawn(std::function<void()> task) {
  if (executor.TryRun(Counted(std::move(task)))) return true;
  EndTask();
  return false;
}

void FsContext::WaitForTasks() {
  MutexLock lock(tasks_mutex_);
  while (tasks_ > 0) tasks_done_.Wait(lock);
}

bool IsAbsent(const Error& error) {
  return error.kind == ErrorKind::kNotFound && error.oss_code != "NoSuchBucket";
}

Error NoEntry(std::string_view name) {
  return MakeError(ENOENT, ErrorKind::kNotFound, StrCat("There is no '", name, "'."));
}

Error NameExists(std::string_view name) {
  return MakeError(EEXIST, ErrorKind::kAlreadyExists, StrCat("'", name, "' exists."));
}

Error NotADirectory(std::string_view path) {
  return MakeError(ENOTDIR, ErrorKind::kInvalid, StrCat(path, " is not a directory."));
}

Error ReadOnlyMount(std::string_view name) {
  return MakeError(
      EROFS, ErrorKind::kInvalid,
      StrCat("'", name, "' cannot be changed: the file system is mounted read-only. Mount it without ro."));
}

Error StaleInode(std::string_view path) {
  return MakeError(ESTALE, ErrorKind::kNotFound,
                   StrCat(path, " was removed or replaced meanwhile. Open it again by its path."));
}

}  // namespace ossfs2
