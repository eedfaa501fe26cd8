// Releasing files: what the last close stores, and what goes with the last handle.
#include "base/log.h"
#include "base/str.h"
#include "fs/core_file_system.h"

namespace ossfs2 {

void CoreFileSystem::Release(HandleId id) {
  const auto handle = files_.Take(id);
  if (!handle) return;
  {
    MutexLock lock(handle->mutex);
    if (handle->reader) handle->reader->CloseHandle(handle->id);
    handle->reader.reset();
  }
  OpenFile& file = *handle->file;
  NoteFlushed(*handle);
  if (handle->stores) {
    bool last_writer = false;
    {
      MutexLock lock(context_.tree.mutex);
      // Of two that end together one must be the last.
      if (handle->writable) --file.writable_handles;
      last_writer = file.writable_handles == 0;
    }
    // What nobody flushed (an asynchronous close, a mapping written after it, a deferred close). After a close
    // that failed the program knows: another try would keep the name busy for one more deadline.
    if (last_writer && file.dirty() && (!file.unlinked || file.removed_remotely()) && !file.told) {
      const Status published = publisher_.Publish(handle->ino, PublishFor::kClose);
      if (!published) {
        MutexLock lock(context_.tree.mutex);
        const Node* node = context_.tree.Find(handle->ino);
        Log(LogLevel::kError,
            StrCat("Data written to ", node != nullptr ? context_.tree.Path(node) : "a file",
                   " could not be stored and is lost: ", published.error().ToString()));
      }
    }
  }
  // Putting the old version back over an unfinished one must not run beside the next writer of the name.
  NameLocks::Guard name;
  if (const auto writer = file.writer(); writer && writer->provisional())
    if (Result<NameLocks::Guard> guard = locker_.LockNode(handle->ino)) name = std::move(*guard);
  DropHandle(handle);
}

void CoreFileSystem::DropHandle(const std::shared_ptr<FileHandle>& handle) {
  std::shared_ptr<WriteFile> abandoned;
  Notices notices;
  bool unlinked = false;
  {
    MutexLock lock(context_.tree.mutex);
    Node* node = context_.tree.Find(handle->ino);
    OpenFile& file = *handle->file;
    if (handle->closing.exchange(false)) file.closing.fetch_sub(1);
    if (--file.handles == 0) {
      file.NoteClosed();
      const auto writer = file.writer();
      if (writer && (writer->dirty() || !writer->sticky_error())) abandoned = writer;
      // Before anybody can open the file again.
      if (abandoned) abandoned->GiveUp();
      if (node->extra && node->extra->open == handle->file) node->extra->open.reset();
      unlinked = node->unlinked;
      // Never stored: the name goes with the data. The kernel would show it until attr_timeout.
      if (!node->published && !node->unlinked) {
        notices.entries.emplace_back(node->parent->ino, node->name);
        context_.tree.NoteRemoved(node->parent, node->name);
        context_.tree.Remove(node);
      } else if (abandoned && !node->unlinked) {
        node->valid_until = {};
        ++node->pages_made;
        notices.inodes.push_back(node->ino);  // it may have the size of what is given up
      }
    }
    context_.tree.Unpin(node);
  }
  context_.Tell(notices);
  if (abandoned) abandoned->Discard();
  if (unlinked) context_.reads.Drop(handle->ino);
}

}  // namespace ossfs2
