// Renames of directories: all keys are copied and proven, then the old ones deleted (directory_copier.h), and what is
// known of the files below follows.
#include <cerrno>

#include "base/values/str.h"
#include "fs/handles/open_file.h"
#include "fs/names/parents.h"
#include "fs/names/renamer.h"
#include "fs/shared/object_facts.h"
#include "fs/tree/names.h"

namespace ossfs2 {
namespace {

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
    return MakeError(EOPNOTSUPP, ErrorKind::kInvalid,
                     StrCat("'", names.name, "': renaming directories is off. Set allow_rename_dir=true."));
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
  if (to.size() > kKeyBytesMax) return KeyTooLong(names.new_name);
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
    if (status) status = publisher_.PublishLocked(ino, PublishFor::kClose);
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

Status Renamer::MoveKeys(const Pair& pair, const std::string& from, const std::string& to, DirectoryMove& move) {
  Result<std::vector<DirectoryCopier::File>> found = copier_.List(from, to);
  if (!found) return found.error();
  std::vector<DirectoryCopier::File>& files = *found;
  Result<DirectoryCopier::Copies> settled = copier_.CheckTarget(from, to, files);
  if (!settled) return settled.error();
  const bool goes_on = !settled->empty();
  TakeKnown(pair.source, from, files);
  if (Status copied = copier_.CopyAll(files); !copied) {
    copier_.TakeBack(from, to, files, std::move(*settled));
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
  if (Status deleted = copier_.DeleteSources(from, to, files, std::move(*settled)); !deleted) {
    DoubtBelow(pair.source);
    return deleted;
  }
  if (goes_on) DoubtBelow(pair.source);  // what an earlier try has moved was not listed under the old name
  TakeMovedBelow(move.below);
  return {};
}

// What is known below is not what is there. Open files go on under the name that they have.
void Renamer::DoubtBelow(Ino directory) {
  MutexLock lock(context_.tree.mutex);
  const Node* top = context_.tree.Find(directory);
  if (top == nullptr) return;
  context_.tree.ForEach([this, top](Node* node) NO_THREAD_SAFETY_ANALYSIS {
    if (!context_.tree.IsBelow(node, top)) return;
    if (node->directory) node->directory->complete = false;
    if (!node->extra || !node->extra->open) node->valid_until = {};
  });
}

Node* Renamer::FindWay(Node* directory, std::string_view way) {
  Node* node = directory;
  while (node != nullptr && !way.empty()) {
    const size_t slash = way.find('/');
    node = node->is_directory() ? context_.tree.Child(node, way.substr(0, slash)) : nullptr;
    way = slash == std::string_view::npos ? std::string_view() : way.substr(slash + 1);
  }
  return node;
}

void Renamer::TakeKnown(Ino directory, const std::string& from, std::vector<DirectoryCopier::File>& files) {
  MutexLock lock(context_.tree.mutex);
  Node* top = context_.tree.Find(directory);
  if (top == nullptr) return;
  for (DirectoryCopier::File& file : files) {
    const Node* node = FindWay(top, std::string_view(file.source.key).substr(from.size()));
    if (node == nullptr || node->is_directory() || !node->extra || !node->extra->metadata_known) continue;
    // By its date: the same bytes may have been stored again, with another encryption.
    const bool same = node->size == file.source.size && node->etag.Equals(file.source.etag);
    if (!same || node->date_s == 0 || HasOtherDate(node, static_cast<uint32_t>(file.source.mtime_s))) continue;
    file.encryption = node->extra->encryption;
    file.source_crc64 = node->extra->crc64;
  }
}

std::vector<Renamer::FileBelow> Renamer::FindBelow(Node* directory, const std::string& to,
                                                   const std::vector<DirectoryCopier::File>& files) {
  std::vector<FileBelow> below;
  for (const DirectoryCopier::File& file : files) {
    Node* node = FindWay(directory, std::string_view(file.target_key).substr(to.size()));
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
