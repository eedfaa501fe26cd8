#include "fs/files/opener.h"

#include <fcntl.h>

#include <cerrno>

#include "base/report/log.h"
#include "base/values/str.h"
#include "fs/shared/store_calls.h"
#include "oss/kept_tags.h"

namespace ossfs2 {
namespace {

bool WantsWrite(int flags) { return (flags & O_ACCMODE) != O_RDONLY; }

}  // namespace

bool Opener::Changes(int flags) { return WantsWrite(flags) || (flags & O_TRUNC) != 0; }

Status Opener::Check(const Node* node, int flags) const {
  if (node->is_directory())
    return MakeError(EISDIR, ErrorKind::kInvalid, StrCat(context_.tree.Path(node), " is a directory."));
  if (node->type == NodeType::kSymlink)
    return MakeError(ELOOP, ErrorKind::kInvalid,
                     StrCat(context_.tree.Path(node), " is a symlink. Open its target, or the link with O_PATH."));
  if (Changes(flags) && context_.options.read_only) return ReadOnlyMount(context_.tree.Path(node));
  return {};
}

bool Opener::IsUnavailableArchive(const Node* node) {
  switch (node->storage_class) {
    case StorageClass::kArchive:
    case StorageClass::kColdArchive:
    case StorageClass::kDeepColdArchive:
      break;
    default:
      return false;
  }
  if (!node->extra) return true;
  return !node->extra->reads_directly && node->extra->restore.find("ongoing-request=\"false\"") == std::string::npos;
}

// The list does not say whether an archived object was restored, and that can change any time; whether its bucket
// allows direct reads, only a GET tells.
Status Opener::AskArchive(Ino ino) {
  OSSFS2_RETURN_IF_ERROR(resolver_.Refresh(ino, Resolver::Trust::kOnlyNew));
  ObjectVersion version;
  {
    MutexLock lock(context_.tree.mutex);
    const Node* node = context_.tree.Find(ino);
    if (node == nullptr) return context_.Stale(ino);
    if (!IsUnavailableArchive(node) || node->size == 0) return {};
    version = context_.VersionOf(node);
  }
  const Status read = ProbeRead(context_.store, version.key, version.etag);
  if (!read) return read.error().kind == ErrorKind::kAccessDenied ? Status() : read;
  MutexLock lock(context_.tree.mutex);
  Node* node = context_.tree.Find(ino);
  if (node != nullptr && node->etag.Equals(version.etag)) context_.tree.Extra(node).reads_directly = true;
  return {};
}

std::shared_ptr<FileHandle> Opener::MakeHandle(Node* node, int flags) {
  auto handle = std::make_shared<FileHandle>();
  handle->id = NextId();
  handle->ino = node->ino;
  handle->flags = flags;
  handle->readable = (flags & O_ACCMODE) != O_WRONLY;
  handle->writable = WantsWrite(flags);
  handle->append = (flags & O_APPEND) != 0;
  handle->direct = PassesPageCache(node, flags);
  handle->stores = handle->writable || (flags & O_TRUNC) != 0;
  NodeExtra& extra = context_.tree.Extra(node);
  if (!extra.open) {
    extra.open = std::make_shared<OpenFile>(node->ino);
    extra.open->unlinked = node->unlinked;
  }
  handle->file = extra.open;
  handle->replaced = extra.open->replaced;
  ++extra.open->handles;
  if (handle->writable) ++extra.open->writable_handles;
  if (!handle->direct) ++extra.open->page_cache_handles;
  if (handle->direct && handle->stores) ++extra.open->direct_writers;
  context_.tree.Pin(node);
  node->was_opened = true;
  files_.Add(handle);
  return handle;
}

// Of the object that is to be replaced; only for the first writer.
Status Opener::AskTags(OpenFile& file) {
  std::string key;
  uint64_t count = 0;
  {
    MutexLock lock(context_.tree.mutex);
    const Node* node = context_.tree.Find(file.ino());
    if (node == nullptr || !node->extra || !node->published || node->unlinked || file.writer()) return {};
    node->extra->tags.clear();
    count = node->extra->tag_count;
    if (count != 0) key = context_.tree.Key(node);
  }
  Result<std::string> tags = oss::KeptTags(context_.store, key, count);
  if (!tags) return tags.error();
  if (tags->empty()) return {};
  MutexLock lock(context_.tree.mutex);
  if (Node* node = context_.tree.Find(file.ino())) {
    context_.tree.Extra(node).tags = std::move(*tags);
    context_.tree.Recount(node);
  }
  return {};
}

Status Opener::PrepareWriter(const std::shared_ptr<OpenFile>& file, bool exclusive) {
  OSSFS2_RETURN_IF_ERROR(AskTags(*file));
  WriteTarget target;
  WriteOptions options;
  bool rebind = false;
  {
    MutexLock lock(context_.tree.mutex);
    Node* node = context_.tree.Find(file->ino());
    if (node == nullptr) return context_.Stale(file->ino());
    target.file_id = node->ino;
    target.base = context_.VersionOf(node);
    target.exists = node->published && !node->unlinked;
    target.exclusive = exclusive;
    publisher_.SharesTree(context_.tree);
    options = publisher_.UploadOptionsOf(node);
    const auto writer = file->writer();
    rebind = !node->unlinked && (!writer || file->writer_etag != target.base.etag);
    file->writer_etag = target.base.etag;
  }
  const auto writer = file->EnsureWriter(context_.writes, target);
  // What is put into the page cache now would lie over what is written next.
  file->KeepHold(context_.reads.HoldFilling(file->ino()));
  // Somebody replaced the object since the writer was opened. Or it is one of before, which a read that was just
  // answered still holds: it knows the name and the version of then.
  if (rebind && !writer->dirty()) writer->Rebind(target.base, target.exists);
  writer->SetOptions(options);
  return {};
}

// It would go with the last handle of those who wrote it and were told by their closes. The kernel sends the release
// some time after the close has returned, so who tries again may come before it.
void Opener::DropFailed(OpenFile& file) {
  const auto writer = file.writer();
  if (!writer || !file.told || writer->sticky_error()) return;
  writer->Discard();
  file.told = false;
}

// Whoever takes the name away has seen that nobody has the file open.
bool Opener::LosesItsName(const Node* node) { return node->leaving > 0 && !(node->extra && node->extra->open); }

void Opener::NoteLate(const Node* node) {
  if (node->type == NodeType::kFile && (node->unlinked || node->leaving > 0))
    late_.Note(node->name, context_.clock.NowSteady());
}

std::optional<Result<Opened>> Opener::TryOpen(Ino ino, int flags) {
  if (Changes(flags) || context_.options.close_to_open) return std::nullopt;
  MutexLock lock(context_.tree.mutex);
  Node* node = context_.tree.Find(ino);
  if (node == nullptr) return Result<Opened>(context_.Stale(ino));
  if (Status status = Check(node, flags); !status) return Result<Opened>(status.error());
  NoteLate(node);
  if (!context_.IsFresh(node) || IsUnavailableArchive(node) || node->unlinked || node->pages_stale() ||
      LosesItsName(node))
    return std::nullopt;
  const auto handle = MakeHandle(node, flags);
  return Result<Opened>(Opened{handle->id, KeepsCache(node, *handle), handle->direct});
}

// A key that may write but not read knows no metadata, and so cannot keep any.
Status Opener::AskMetadata(Ino ino) {
  Status asked = resolver_.Refresh(ino, Resolver::Trust::kOnlyNew);
  return !asked && asked.error().kind == ErrorKind::kAccessDenied ? Status() : asked;
}

Status Opener::AskForOpen(Ino ino) {
  Status asked = Ask(ino);
  if (asked || asked.error().errno_value != ESTALE) return asked;
  MutexLock lock(context_.tree.mutex);
  if (const Node* node = context_.tree.Find(ino)) NoteLate(node);  // replaced while it was asked for
  return asked;
}

Status Opener::Ask(Ino ino) {
  if (!context_.options.close_to_open) return resolver_.Refresh(ino);
  Resolver::Told told;
  OSSFS2_RETURN_IF_ERROR(resolver_.Refresh(ino, Resolver::Trust::kOnlyNew, &told));
  if (told.doubtful) {
    // Whoever changes the file here holds its name, so nobody does when it is asked for again.
    const Result<NameLocks::Guard> guard = locker_.LockNode(ino);
    if (!guard) return guard.error();
    OSSFS2_RETURN_IF_ERROR(resolver_.Refresh(ino, Resolver::Trust::kOnlyNew));
  }
  return CheckReplaced(ino, told.etag);
}

// A rename here has taken the name, meanwhile or just before. What is kept of the file may be older than a version of
// another client that the copy has replaced, unless the bucket told of it after the open began. Upon ESTALE the kernel
// looks the name up again. Who opens the file itself again (/proc/self/fd) comes later, or is not helped.
Status Opener::CheckReplaced(Ino ino, const std::string& told) {
  MutexLock lock(context_.tree.mutex);
  const SteadyTime now = context_.clock.NowSteady();
  const bool is_second_try = late_.TakeSecondTry(ino, now);
  const Node* node = context_.tree.Find(ino);
  const OpenFile* file = node != nullptr && node->unlinked && node->extra ? node->extra->open.get() : nullptr;
  if (file == nullptr || !file->successor || is_second_try) return {};
  if (!told.empty() && node->etag.Equals(told)) return {};
  const OpenFile::Successor& successor = *file->successor;
  const bool is_other = !told.empty() && successor.etag != told;
  if (!is_other && now - successor.since >= LateOpens::kExpectFor) return {};
  late_.NoteRefused(successor.ino, now);
  return context_.Stale(ino);
}

// Returns whether the file is an archived one that has to be checked once more, since this may have found it restored.
Result<bool> Opener::AskBeforeOpen(Ino ino, int flags) {
  OSSFS2_RETURN_IF_ERROR(AskForOpen(ino));
  bool ask_restore = false;
  bool ask_metadata = false;
  bool new_version = false;
  {
    MutexLock lock(context_.tree.mutex);
    Node* node = context_.tree.Find(ino);
    if (node == nullptr) return context_.Stale(ino);
    OSSFS2_RETURN_IF_ERROR(Check(node, flags));
    new_version = node->pages_stale();
    ask_restore = (flags & O_TRUNC) == 0 && IsUnavailableArchive(node) && node->published;
    ask_metadata = Changes(flags) && node->published && !(node->extra && node->extra->metadata_known);
  }
  if (new_version) {
    // Pages of the old version must not come after the kernel has dropped them for this open.
    context_.reads.StopFilling(ino, StoresUnderWay::kWait);
    context_.ShowSizes({ino});
    // It drops no attributes for it: the program would read up to the old size. Whoever found the version may not have
    // told it yet.
    if (KernelNotifier* kernel = context_.notifier) {
      kernel->WithdrawInode(ino);
      kernel->InvalidateAttributes(ino);
    }
  }
  // The list does not tell the metadata, all of which the new version has to carry.
  const Status more = ask_restore ? AskArchive(ino) : ask_metadata ? AskMetadata(ino) : Status();
  if (more) return ask_restore;
  if (new_version) context_.Tell({{ino}, {}});  // what was withdrawn: there will be no answer that drops the pages
  return more.error();
}

Error Opener::NotRestored(const Node* node) const {
  const std::string text =
      StrCat(context_.tree.Key(node), " is in storage class ", StorageClassName(node->storage_class),
             " and not restored. Call RestoreObject (ossutil restore) and open it again when that is done.");
  LogLimited(LogLevel::kWarning, text);
  return MakeError(EACCES, ErrorKind::kAccessDenied, text);
}

Result<Opener::Made> Opener::Open(Ino ino, int flags) {
  const Result<bool> was_archived = AskBeforeOpen(ino, flags);
  if (!was_archived) return was_archived.error();
  const bool writes = Changes(flags);
  Made made;
  // A writer that is made in the middle of a rename would store its file under the old name.
  NameLocks::Guard name;
  for (bool hold_name = writes; !made.handle; hold_name = true) {
    if (hold_name) {
      Result<NameLocks::Guard> guard = locker_.LockNode(ino);
      if (!guard) return guard.error();
      name = std::move(*guard);
    }
    MutexLock lock(context_.tree.mutex);
    Node* node = context_.tree.Find(ino);
    if (node == nullptr) return context_.Stale(ino);
    NoteLate(node);
    if (!hold_name && LosesItsName(node)) continue;
    // Without a name a file lives as long as its handles.
    if (node->unlinked && !(node->extra && node->extra->open)) return context_.Stale(ino);
    if (*was_archived && IsUnavailableArchive(node)) return NotRestored(node);
    made.handle = MakeHandle(node, flags);
    made.opened = Opened{made.handle->id, KeepsCache(node, *made.handle), made.handle->direct};
  }
  if ((flags & O_TRUNC) != 0) DropFailed(*made.handle->file);
  if (writes) made.writer = PrepareWriter(made.handle->file, false);
  return made;
}

}  // namespace ossfs2
