#include "fs/files/resizer.h"

#include <fcntl.h>

#include <cerrno>

#include "base/values/str.h"

namespace ossfs2 {

Status Resizer::Truncate(OpenFile& file, uint64_t size) {
  GatePass pass(file);
  const auto writer = file.writer();
  if (writer->size() == size) {
    MutexLock lock(context_.tree.mutex);
    if (Node* node = context_.tree.Find(file.ino())) Touch(node, &file);
    return {};
  }
  OSSFS2_RETURN_IF_ERROR(writer->Truncate(size));
  file.last_write_ns = context_.clock.NowWallNs();
  return {};
}

// A truncate to the size that the file has: only its time is new. Not worth a request, unless somebody chose
// another time before.
void Resizer::Touch(Node* node, OpenFile* file) {
  const int64_t now_ns = context_.clock.NowWallNs();
  if (file != nullptr && file->dirty()) {
    file->last_write_ns = now_ns;
    return;
  }
  node->mtime_ns = now_ns;
  NodeExtra& extra = context_.tree.Extra(node);
  extra.ctime_ns = now_ns;
  if (!extra.chosen || !context_.options.keep_attributes || node->unlinked) return;
  extra.pending = extra.mtime_chosen = true;
  node->local_stamp = context_.tree.NextStamp();
  saver_.SharesTree(context_.tree);
  saver_.Note(node);
}

Status Resizer::Resize(Ino ino, uint64_t size, std::optional<HandleId> id) {
  std::shared_ptr<FileHandle> handle = id ? files_.Get(*id) : nullptr;
  if (handle && !handle->writable) handle = nullptr;
  {
    MutexLock lock(context_.tree.mutex);
    Node* node = context_.tree.Find(ino);
    if (node == nullptr) return context_.Stale(ino);
    if (node->type != NodeType::kFile)
      return MakeError(node->is_directory() ? EISDIR : EINVAL, ErrorKind::kInvalid,
                       StrCat(context_.tree.Path(node), " is no regular file: its size cannot be set."));
    const bool busy =
        node->extra && node->extra->open && (node->extra->open->ahead() || node->extra->open->writable_handles > 0);
    if (!handle && !busy && node->size == size) {
      Touch(node, nullptr);
      return {};
    }
  }
  if (!handle) return ResizeUnopened(ino, size);
  OSSFS2_RETURN_IF_ERROR(Truncate(*handle->file, size));
  if (handle->file->dirty()) handle->NoteWrite(context_.clock.NowWallNs());
  return {};
}

// Through a handle of its own: with the last handle of others what is not stored would go.
Status Resizer::ResizeUnopened(Ino ino, uint64_t size) {
  Result<Opener::Made> made = opener_.Open(ino, O_WRONLY);
  if (!made) return made.error();
  OpenFile& file = *made->handle->file;
  Status status = made->writer;
  if (status) status = Truncate(file, size);
  bool has_writers = false;
  {
    MutexLock lock(context_.tree.mutex);
    has_writers = file.writable_handles > 1;  // they store it
  }
  if (status && !has_writers) status = publisher_.Publish(ino, PublishFor::kClose);
  closer_.Release(made->opened.handle);
  return status;
}

Status Resizer::Empty(FileHandle& handle) {
  OSSFS2_RETURN_IF_ERROR(Truncate(*handle.file, 0));
  handle.NoteWrite(context_.clock.NowWallNs());
  return {};
}

}  // namespace ossfs2
