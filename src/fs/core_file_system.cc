#include "fs/core_file_system.h"

#include <cerrno>
#include <cstdio>

#include "base/values/str.h"
#include "fs/shared/attributes.h"
#include "fs/tree/names.h"

namespace ossfs2 {

std::unique_ptr<FileSystem> MakeFileSystem(ObjectStore& store, ReadEngine& reads, WriteEngine& writes,
                                           Executor& executor, const FsOptions& options, Clock& clock) {
  return std::make_unique<CoreFileSystem>(store, reads, writes, executor, options, clock);
}

CoreFileSystem::CoreFileSystem(ObjectStore& store, ReadEngine& reads, WriteEngine& writes, Executor& executor,
                               const FsOptions& options, Clock& clock)
    : context_(store, reads, writes, executor, options, clock),
      locker_(context_),
      lister_(context_),
      resolver_(context_, lister_),
      lookup_(context_, resolver_),
      explainer_(context_, resolver_),
      saver_(context_, locker_),
      changes_(context_, saver_),
      xattrs_(context_, resolver_, saver_),
      publisher_(context_, locker_, saver_),
      final_flush_(context_, publisher_, saver_),
      parents_(context_, saver_),
      detacher_(context_),
      creator_(context_, locker_, resolver_),
      links_(context_, locker_, resolver_, creator_),
      remover_(context_, locker_, resolver_, parents_, detacher_),
      opener_(context_, locker_, resolver_, publisher_, files_),
      closer_(context_, locker_, saver_, publisher_, opener_, files_),
      resizer_(context_, saver_, publisher_, opener_, closer_, files_),
      reader_(context_, opener_, files_),
      writer_(context_, opener_, final_flush_, files_),
      copier_(context_, reader_, host_, final_flush_, files_),
      renamer_(context_, locker_, resolver_, publisher_, saver_, parents_, detacher_, replaced_),
      directories_(context_, lister_, resolver_) {
  host_.Attach();
}

CoreFileSystem::~CoreFileSystem() {
  host_.Detach();
  replaced_.Stop();
  saver_.Stop();
  context_.WaitForTasks();
}

Status CoreFileSystem::Rename(Ino parent, const std::string& name, Ino new_parent,
                              const std::string& new_name, uint32_t flags) {
  OSSFS2_RETURN_IF_ERROR(creator_.Check(new_parent, new_name));
  OSSFS2_RETURN_IF_ERROR(CheckName(name));
  if ((flags & ~static_cast<uint32_t>(RENAME_NOREPLACE)) != 0)
    return MakeError(EINVAL, ErrorKind::kInvalid,
                     StrCat("'", name, "' to '", new_name,
                            "': of the flags of rename only RENAME_NOREPLACE is possible. "
                            "To exchange names, rename over a third one."));
  Renamer::Names names{parent, name, new_parent, new_name, (flags & RENAME_NOREPLACE) != 0};
  return renamer_.Rename(names);
}

// --- attributes ---

// The kernel asks by a handle only for a read (or seek) that meets the end of the file as it knows it.
bool CoreFileSystem::ReadsOldVersion(std::optional<HandleId> id) {
  const auto handle = id ? files_.Get(*id) : nullptr;
  return handle && !handle->writable && handle->outdated() && !handle->file->ahead();
}

std::optional<Result<AttrReply>> CoreFileSystem::TryGetAttr(Ino ino, std::optional<HandleId> handle) {
  if (ReadsOldVersion(handle)) return Result<AttrReply>(context_.MakeStale(ino));
  MutexLock lock(context_.tree.mutex);
  Node* node = context_.tree.Find(ino);
  if (node == nullptr) return Result<AttrReply>(context_.Stale(ino));
  if (node->parent != nullptr && (!context_.IsFresh(node) || context_.NeedsMetadata(node)))
    return std::nullopt;
  return Result<AttrReply>(AttrReply{ShownAttr(node, context_.options), context_.AttrValidS(node)});
}

Result<AttrReply> CoreFileSystem::GetAttr(Ino ino, std::optional<HandleId> handle) {
  OSSFS2_RETURN_IF_ERROR(resolver_.Refresh(ino));
  if (ReadsOldVersion(handle)) return context_.MakeStale(ino);
  MutexLock lock(context_.tree.mutex);
  Node* node = context_.tree.Find(ino);
  if (node == nullptr) return context_.Stale(ino);
  return AttrReply{ShownAttr(node, context_.options), context_.AttrValidS(node)};
}

Result<AttrReply> CoreFileSystem::SetAttr(Ino ino, const AttrChange& change, std::optional<HandleId> handle) {
  OSSFS2_RETURN_IF_ERROR(context_.CheckWritable(ino));
  OSSFS2_RETURN_IF_ERROR(resolver_.Refresh(ino));
  if (change.size) {
    OSSFS2_RETURN_IF_ERROR(resizer_.Resize(ino, *change.size, handle));
    OSSFS2_RETURN_IF_ERROR(final_flush_.StoreLate(ino));
  }
  std::shared_ptr<WriteFile> writer;
  WriteOptions upload;
  {
    MutexLock lock(context_.tree.mutex);
    Node* node = context_.tree.Find(ino);
    if (node == nullptr) return context_.Stale(ino);
    if (change.mode || change.uid || change.gid || change.atime_ns || change.mtime_ns) {
      changes_.SharesTree(context_.tree);
      changes_.Make(node, change);
      if (node->extra->open) writer = node->extra->open->writer();
      publisher_.SharesTree(context_.tree);
      upload = publisher_.UploadOptionsOf(node);
    }
  }
  if (writer) writer->SetOptions(upload);
  OSSFS2_RETURN_IF_ERROR(saver_.SaveAtEnd(ino));
  MutexLock lock(context_.tree.mutex);
  Node* node = context_.tree.Find(ino);
  if (node == nullptr) return context_.Stale(ino);
  return AttrReply{ShownAttr(node, context_.options), context_.AttrValidS(node)};
}

Result<FsStat> CoreFileSystem::StatFs() { return FsStat{}; }

}  // namespace ossfs2
