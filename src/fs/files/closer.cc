#include "fs/files/closer.h"

#include <utility>

#include "base/report/log.h"
#include "base/values/str.h"

namespace ossfs2 {

// --- close and fsync ---

bool Closer::NothingToFlush(HandleId id) {
  const auto handle = files_.Get(id);
  if (!handle) return true;
  opener_.NoteAnswered(*handle);
  if (!handle->closing.exchange(true)) handle->file->closing.fetch_add(1);
  const auto writer = handle->file->writer();
  if (!handle->stores) return !writer || !writer->provisional();  // the last close puts the old version back
  if (writer && (writer->dirty() || !writer->sticky_error())) return false;
  handle->NoteFlushed();
  return true;
}

Status Closer::Flush(HandleId id) {
  const auto handle = files_.Get(id);
  if (!handle) return BadHandle(id);
  if (!handle->stores) return {};
  handle->NoteFlushed();
  // Another handle is in the middle of writing this file: its close stores all.
  if (handle->file->unflushed > 0 || !context_.options.sync_upload)
    return handle->file->writer()->sticky_error();
  return StoreAtClose(*handle);
}

// Under the file's name: the release does not wait for the close of a program that was killed, and must know how it
// ended.
Status Closer::StoreAtClose(const FileHandle& handle) {
  const auto writer = handle.file->writer();
  if (!writer) return {};
  Result<NameLocks::Guard> name;
  Status stored = writer->sticky_error();
  if (stored && writer->dirty()) {
    name = locker_.LockNode(handle.ino);
    stored = name ? publisher_.PublishLocked(handle.ino, PublishFor::kClose) : Status(name.error());
  }
  handle.file->told = !stored.has_value();
  return stored;
}

Status Closer::Fsync(HandleId id) {
  const auto handle = files_.Get(id);
  if (!handle) return BadHandle(id);
  if (context_.options.ignore_fsync) return {};
  // The file is meant, not what this handle wrote: sync(1) opens it for reading.
  if (const auto writer = handle->file->writer()) {
    OSSFS2_RETURN_IF_ERROR(writer->sticky_error());
    if (writer->dirty()) OSSFS2_RETURN_IF_ERROR(publisher_.Publish(handle->ino, PublishFor::kFsync));
  }
  handle->NoteFlushed();
  return saver_.Save(handle->ino);
}

// --- the last close ---

void Closer::Release(HandleId id) {
  const auto handle = files_.Take(id);
  if (!handle) return;
  {
    MutexLock lock(handle->mutex);
    if (handle->reader) handle->reader->CloseHandle(handle->id);
    handle->reader.reset();
  }
  handle->released = true;
  handle->NoteFlushed();
  if (HasToStore(*handle)) StoreLate(*handle);
  // Putting the old version back over an unfinished one must not run beside the next writer of the name.
  NameLocks::Guard name;
  if (const auto writer = handle->file->writer(); writer && writer->provisional())
    if (Result<NameLocks::Guard> guard = locker_.LockNode(handle->ino)) name = std::move(*guard);
  DropHandle(*handle);
}

// What nobody flushed (an asynchronous close, a mapping written after it, a deferred close). After a close that failed
// the program knows: another try would keep the name busy for one more deadline.
bool Closer::HasToStore(FileHandle& handle) {
  if (!handle.stores) return false;
  OpenFile& file = *handle.file;
  {
    MutexLock lock(context_.tree.mutex);
    // Of two that end together one must be the last.
    if (handle.writable) --file.writable_handles;
    if (file.writable_handles != 0) return false;
  }
  return file.dirty() && (!file.unlinked || file.removed_remotely()) && !file.told;
}

void Closer::StoreLate(const FileHandle& handle) {
  Result<NameLocks::Guard> name = locker_.LockNode(handle.ino);
  if (name && handle.file->told) return;
  const Status published =
      name ? publisher_.PublishLocked(handle.ino, PublishFor::kClose) : Status(name.error());
  if (published) return;
  MutexLock lock(context_.tree.mutex);
  const Node* node = context_.tree.Find(handle.ino);
  Log(LogLevel::kError, StrCat("Data written to ", node != nullptr ? context_.tree.Path(node) : "a file",
                               " could not be stored and is lost: ", published.error().ToString()));
}

void Closer::DropHandle(FileHandle& handle) {
  std::shared_ptr<WriteFile> abandoned;
  Notices notices;
  bool unlinked = false;
  {
    MutexLock lock(context_.tree.mutex);
    Node* node = context_.tree.Find(handle.ino);
    OpenFile& file = *handle.file;
    // Whether the answer to its open has dropped the pages is not known (Opener::NoteAnswered).
    if (handle.drops_pages >= 0) notices.inodes.push_back(handle.ino);
    if (handle.closing.exchange(false)) file.closing.fetch_sub(1);
    if (!handle.direct) --file.page_cache_handles;
    if (handle.direct && handle.stores) --file.direct_writers;
    if (--file.handles == 0) {
      unlinked = node->unlinked;
      abandoned = EndFile(node, handle.file, notices);
    }
    context_.tree.Unpin(node);
  }
  context_.Tell(notices);
  if (abandoned) abandoned->Discard();
  if (unlinked) context_.reads.Drop(handle.ino);
}

std::shared_ptr<WriteFile> Closer::EndFile(Node* node, const std::shared_ptr<OpenFile>& file, Notices& notices) {
  file->NoteClosed();
  std::shared_ptr<WriteFile> writer = file->writer();
  const bool loses_data = writer && (writer->dirty() || !writer->sticky_error());
  // Before anybody can open the file again.
  if (writer && writer->dirty() && !node->unlinked) file->lost = true;
  if (loses_data) writer->GiveUp();
  if (node->extra && node->extra->open == file) node->extra->open.reset();
  if (!node->published && !node->unlinked) {
    // Never stored: the name goes with the data. The kernel would show it until attr_timeout.
    notices.entries.emplace_back(node->parent->ino, node->name);
    context_.tree.NoteRemoved(node->parent, node->name);
    context_.tree.Remove(node);
  } else if (loses_data && !node->unlinked) {
    node->valid_until = {};
    ++node->pages_made;
    notices.inodes.push_back(node->ino);  // it may have the size of what is given up
  }
  return loses_data ? std::move(writer) : nullptr;
}

}  // namespace ossfs2
