// Renames of directories: all keys are copied and proven, then the old ones deleted.
#include <algorithm>
#include <cerrno>
#include <functional>
#include <map>

#include "base/log.h"
#include "base/str.h"
#include "fs/object_facts.h"
#include "fs/open_file.h"
#include "fs/parallel.h"
#include "fs/parents.h"
#include "fs/renamer.h"
#include "fs/store_calls.h"

namespace ossfs2 {
namespace {

constexpr size_t kDeleteBatch = 1000;
// Cached bytes of closed files are carried over only in small directories.
constexpr size_t kCarryCachesMax = 1000;

}  // namespace

std::vector<Ino> Renamer::OpenBelow(Ino directory) {
  std::vector<Ino> found;
  MutexLock lock(context_.tree.mutex);
  const Node* top = context_.tree.Find(directory);
  context_.tree.ForEach([this, &found, top](Node* node) NO_THREAD_SAFETY_ANALYSIS {
    if (node->extra && node->extra->open && !node->unlinked && context_.tree.IsBelow(node, top))
      found.push_back(node->ino);
  });
  return found;
}

Status Renamer::RenameDirectory(const Names& names, const Pair& pair) {
  if (!context_.options.allow_rename_dir)
    return MakeError(EOPNOTSUPP, ErrorKind::kInvalid, "Renaming directories is off (allow_rename_dir).");
  std::string from;
  std::string to;
  {
    MutexLock lock(context_.tree.mutex);
    const Node* node = context_.tree.Find(pair.source);
    const Node* directory = context_.tree.Find(names.new_parent);
    if (node == nullptr || node->parent == nullptr || directory == nullptr) return NoEntry(names.name);
    if (pair.target != 0 && context_.tree.HasLocalState(context_.tree.Find(pair.target)))
      return MakeError(ENOTEMPTY, ErrorKind::kInvalid, StrCat("'", names.new_name, "' is not empty."));
    from = context_.tree.Key(node);
    to = StrCat(context_.tree.Key(directory), names.new_name, "/");
  }
  if (to.size() > kKeyBytesMax)
    return MakeError(ENAMETOOLONG, ErrorKind::kInvalid, "The directory's key would have more than 1023 bytes.");
  const std::vector<Ino> open = OpenBelow(pair.source);
  std::vector<std::shared_ptr<OpenFile>> frozen;
  Status status;
  for (const Ino ino : open) {
    std::shared_ptr<OpenFile> file;
    {
      MutexLock lock(context_.tree.mutex);
      const Node* node = context_.tree.Find(ino);
      if (node != nullptr && node->extra) file = node->extra->open;
    }
    if (!file) continue;
    file->Freeze();
    frozen.push_back(file);
    if (status) status = publisher_.PublishLocked(ino, false);
  }
  Result<bool> check = false;
  DirectoryMove move;
  if (status) {
    check = parents_.Keep(names.parent, names.name);
    status = check ? MoveKeys(pair, from, to, move) : Status(check.error());
  }
  if (status) {
    MutexLock lock(context_.tree.mutex);
    Reattach(names, pair);
  }
  move.leaving.reset();
  context_.listed.NotifyAll();
  for (const auto& file : frozen) file->Thaw();
  if (!status) return status;
  return *check ? parents_.CheckAfter(names.parent) : Status();
}

Result<std::vector<ListEntry>> Renamer::ListAll(const std::string& prefix) {
  std::vector<ListEntry> all;
  ListRequest request;
  request.prefix = prefix;
  do {
    Result<ListPage> page = context_.store.List(request);
    if (!page) return page.error();
    request.continuation = page->continuation;
    for (ListEntry& entry : page->entries) all.push_back(std::move(entry));
    if (all.size() > context_.options.rename_dir_limit)
      return MakeError(EMFILE, ErrorKind::kInvalid,
                       StrCat("The directory has more than ", context_.options.rename_dir_limit.value(),
                              " files below it (rename_dir_limit)."));
  } while (!request.continuation.empty());
  return all;
}

// The target must be empty, except for copies that an earlier try of the same rename left.
Status Renamer::TargetIsFree(const std::string& from, const std::string& to, std::vector<Copied>& files) {
  bool repeated = false;
  {
    MutexLock lock(mutex_);
    repeated = unfinished_.contains({from, to});
  }
  const Error not_empty = MakeError(ENOTEMPTY, ErrorKind::kInvalid, StrCat(to, " is not empty."));
  if (!repeated) {
    ListRequest request;
    request.prefix = to;
    request.max_keys = 2;
    Result<ListPage> page = context_.store.List(request);
    if (!page) return page.error();
    for (const ListEntry& entry : page->entries)
      if (entry.key != to) return not_empty;
    return {};
  }
  Result<std::vector<ListEntry>> there = ListAll(to);
  if (!there) return there.error();
  std::map<std::string, const ListEntry*> by_key;
  for (const ListEntry& entry : *there) by_key[entry.key] = &entry;
  size_t met = 0;
  for (Copied& file : files) {
    const auto it = by_key.find(file.target_key);
    if (it == by_key.end()) continue;
    ++met;
    // The same bytes under a Normal object's ETag; others are copied again.
    file.was_there = it->second->size == file.source.size && it->second->etag == file.source.etag;
    if (file.was_there) file.etag = it->second->etag;
  }
  return met == there->size() ? Status() : Status(not_empty);
}

Status Renamer::CopyAll(std::vector<Copied>& files) {
  Mutex mutex;
  Status failed;
  const auto width = static_cast<size_t>(std::max(1, context_.options.rename_dir_concurrency.value()));
  RunParallel(context_.executor, files.size(), width, [&](size_t i) {
    Copied& file = files[i];
    if (file.was_there) return;
    {
      MutexLock lock(mutex);
      if (!failed) return;
    }
    Status status;
    if (file.source.type == ObjectType::kSymlink) {
      CopyRequest request;
      request.source_key = file.source.key;
      request.target_key = file.target_key;
      Result<WriteResult> copied = context_.store.Copy(request);
      if (copied)
        file.etag = copied->etag;
      else
        status = copied.error();
    } else {
      CopyJob job;
      job.source_key = file.source.key;
      job.source_etag = file.source.etag;
      job.size = file.source.size;
      job.target_key = file.target_key;
      job.part_concurrency = 4;
      Result<WriteResult> copied = CopyVerified(context_.store, context_.executor, job);
      if (copied) {
        file.etag = copied->etag;
        file.crc64 = copied->crc64;
      } else {
        status = copied.error();
      }
    }
    if (status) return;
    MutexLock lock(mutex);
    if (failed) failed = status;
  });
  return failed;
}

Status Renamer::DeleteAll(const std::vector<std::string>& keys) {
  const size_t batches = (keys.size() + kDeleteBatch - 1) / kDeleteBatch;
  Mutex mutex;
  Status failed;
  RunParallel(context_.executor, batches, 8, [&](size_t i) {
    const auto begin = keys.begin() + static_cast<std::ptrdiff_t>(i * kDeleteBatch);
    const auto end =
        keys.begin() + static_cast<std::ptrdiff_t>(std::min(keys.size(), (i + 1) * kDeleteBatch));
    const Status status = context_.store.DeleteMany(std::vector<std::string>(begin, end));
    MutexLock lock(mutex);
    if (!status && failed) failed = status;
  });
  return failed;
}

Status Renamer::MoveKeys(const Pair& pair, const std::string& from, const std::string& to,
                         DirectoryMove& move) {
  Result<std::vector<ListEntry>> listed = ListAll(from);
  if (!listed) return listed.error();
  std::vector<Copied> files;
  std::vector<std::string> old_keys;
  for (ListEntry& entry : *listed) {
    Copied file;
    file.target_key = to + entry.key.substr(from.size());
    if (file.target_key.size() > kKeyBytesMax)
      return MakeError(ENAMETOOLONG, ErrorKind::kInvalid, StrCat(file.target_key, ": more than 1023 bytes."));
    old_keys.push_back(entry.key);
    file.source = std::move(entry);
    files.push_back(std::move(file));
  }
  OSSFS2_RETURN_IF_ERROR(TargetIsFree(from, to, files));
  {
    MutexLock lock(mutex_);
    unfinished_.insert({from, to});
  }
  if (Status copied = CopyAll(files); !copied) {
    std::vector<std::string> made;
    for (const Copied& file : files)
      if (!file.etag.empty()) made.push_back(file.target_key);
    if (DeleteAll(made)) {
      MutexLock lock(mutex_);
      unfinished_.erase({from, to});
    } else {
      Log(LogLevel::kWarning, StrCat("The rename of ", from, " to ", to, " failed and left copies under ", to,
                                     "; the source is complete. Repeat the rename to go on."));
    }
    return copied;
  }
  // From here the new tree is complete. Old keys that stay are deleted by the next try.
  {
    MutexLock lock(context_.tree.mutex);
    if (Node* directory = context_.tree.Find(pair.source)) move.below = FindBelow(directory, to, files);
  }
  // First: a read must not ask for what is being deleted.
  for (FileBelow& file : move.below) {
    if (!file.file && files.size() > kCarryCachesMax) continue;
    file.readers = context_.BeginReplacement(file.ino, file.before);
    if (file.readers) file.readers->Rebind(file.after);
  }
  move.leaving.emplace(context_.tree, pair.source, &Node::leaving);
  const Status deleted = DeleteAll(old_keys);
  if (!deleted) return deleted;
  {
    MutexLock lock(mutex_);
    unfinished_.erase({from, to});
  }
  TakeMovedBelow(move.below);
  return {};
}

std::vector<Renamer::FileBelow> Renamer::FindBelow(Node* directory, const std::string& to,
                                                   const std::vector<Copied>& files) {
  std::vector<FileBelow> below;
  for (const Copied& file : files) {
    Node* node = directory;
    std::string_view way = std::string_view(file.target_key).substr(to.size());
    while (node != nullptr && !way.empty()) {
      const size_t slash = way.find('/');
      node = context_.tree.Child(node, way.substr(0, slash));
      way = slash == std::string_view::npos ? std::string_view() : way.substr(slash + 1);
    }
    if (node == nullptr || node->is_directory()) continue;
    const ObjectVersion before = context_.VersionOf(node);
    const bool same = node->size == file.source.size && before.etag == file.source.etag;
    if (!same) {
      node->valid_until = {};  // replaced by another host meanwhile
      continue;
    }
    FileBelow moved;
    moved.ino = node->ino;
    moved.before = moved.after = before;
    moved.after.key = file.target_key;
    moved.after.etag = file.etag;
    if (!before.crc64) moved.after.crc64 = file.crc64;
    if (node->extra) moved.file = node->extra->open;
    below.push_back(std::move(moved));
  }
  return below;
}

void Renamer::TakeMovedBelow(const std::vector<FileBelow>& below) {
  {
    MutexLock lock(context_.tree.mutex);
    for (const FileBelow& moved : below)
      if (Node* node = context_.tree.Find(moved.ino)) TakeWritten(context_, node, moved.after.etag, moved.after.crc64);
  }
  for (const FileBelow& moved : below) context_.Rebind(nullptr, moved.file.get(), moved.before, moved.after);
}

}  // namespace ossfs2
