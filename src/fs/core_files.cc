// Reading, writing, flushing and copying through handles.
#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/str.h"
#include "fs/core.h"
#include "fs/names.h"

namespace ossfs2 {
namespace {

// A file that another host removed is read from memory; what already left it cannot come back.
constexpr uint64_t kRemovedReadBytesMax = 1ull << 20;
constexpr size_t kCopyPieceBytes = 1u << 20;
constexpr size_t kCopyThroughBytesMax = 64u << 20;

bool Appends(const FileHandle& handle, Writer writer) { return handle.append && writer == Writer::kCall; }

Error BadHandle() { return MakeError(EBADF, ErrorKind::kInvalid, "The handle is not open for this."); }

}  // namespace

// --- reading ---

std::shared_ptr<ReadFile> CoreFileSystem::ReaderOf(FileHandle& handle) {
  MutexLock lock(handle.mutex);
  const uint64_t version = handle.file->version;
  if (handle.reader && handle.reader_version == version) return handle.reader;
  ObjectVersion object;
  if (const auto parked = handle.file->parked()) {
    object = *parked;
  } else {
    MutexLock tree_lock(context_.tree.mutex);
    const Node* node = context_.tree.Find(handle.ino);
    if (node == nullptr || node->unlinked) return handle.reader;
    object = context_.VersionOf(node);
  }
  handle.reader = context_.reads.Open(handle.ino, object);
  handle.reader_version = version;
  if (handle.file->writer()) context_.reads.StopFilling(handle.ino, false);
  if ((handle.flags & O_DIRECT) != 0) handle.reader->SetDirect(handle.id);
  return handle.reader;
}

void CoreFileSystem::Read(HandleId id, uint64_t offset, size_t size, ReadDone done) {
  auto handle = files_.Get(id);
  if (!handle || !handle->readable) return done(BadHandle());
  const auto writer = handle->file->writer();
  const bool removed = handle->file->unlinked && writer && !writer->detached();
  if (writer && (handle->file->ahead() || (removed && writer->size() > 0)))
    return ReadDirty(std::move(handle), offset, size, std::move(done));
  if (writer && writer->detached() && writer->size() == 0) return done(ReadReply());
  const auto reader = ReaderOf(*handle);
  if (!reader) return done(StaleInode());
  if (ReadReply reply; context_.tails.Answer(reader->version(), offset, size, reply)) return done(std::move(reply));
  reader->Read(handle->id, offset, size, std::move(done));
}

void CoreFileSystem::ReadDirty(std::shared_ptr<FileHandle> handle, uint64_t offset, size_t size,
                               ReadDone done) {
  context_.Spawn([handle = std::move(handle), offset, size, done = std::move(done)] {
    const auto writer = handle->file->writer();
    if (!writer) return done(BadHandle());  // closed by a program that was let go while this waited
    const uint64_t end = writer->size();
    if (handle->file->unlinked && !writer->detached() && end > kRemovedReadBytesMax) return done(StaleInode());
    const size_t wanted = offset >= end ? 0 : static_cast<size_t>(std::min<uint64_t>(size, end - offset));
    ReadReply reply;
    if (wanted > 0) {
      auto bytes = std::make_shared<std::vector<std::byte>>(wanted);
      Result<size_t> read = writer->Read(offset, *bytes);
      if (!read) return done(read.error());
      reply.bytes = *read;
      if (*read > 0) reply.parts.push_back({bytes->data(), *read});
      reply.pin = std::move(bytes);
    }
    done(std::move(reply));
  });
}

Result<size_t> CoreFileSystem::ReadSome(FileHandle& handle, uint64_t offset, std::span<std::byte> out) {
  const auto writer = handle.file->writer();
  if (writer && handle.file->ahead()) return writer->Read(offset, out);
  if (writer && writer->detached() && writer->size() == 0) return size_t{0};
  const auto reader = ReaderOf(handle);
  if (!reader) return StaleInode();
  struct Wait {
    Mutex mutex;
    CondVar done;
    std::optional<Result<ReadReply>> reply GUARDED_BY(mutex);
  };
  auto wait = std::make_shared<Wait>();
  reader->Read(handle.id, offset, out.size(), [wait](Result<ReadReply> reply) {
    MutexLock lock(wait->mutex);
    wait->reply = std::move(reply);
    wait->done.NotifyAll();
  });
  MutexLock lock(wait->mutex);
  while (!wait->reply) wait->done.Wait(lock);
  if (!*wait->reply) return wait->reply->error();
  size_t copied = 0;
  for (const iovec& part : (*wait->reply)->parts) {
    const size_t bytes = std::min(part.iov_len, out.size() - copied);
    std::memcpy(out.data() + copied, part.iov_base, bytes);
    copied += bytes;
  }
  return copied;
}

// --- writing ---

void CoreFileSystem::NoteWrite(FileHandle& handle, Writer writer) {
  handle.file->last_write_ns = context_.clock.NowWallNs();
  if (handle.file->told) handle.file->told = false;
  if (writer == Writer::kCall && !handle.unflushed.exchange(true)) handle.file->unflushed.fetch_add(1);
}

Result<bool> CoreFileSystem::TryWrite(HandleId id, uint64_t offset, std::span<const std::byte> data, Writer writer) {
  const auto handle = files_.Get(id);
  if (!handle || !handle->writable) return BadHandle();
  if (!handle->file->TryEnter()) return false;
  Result<bool> written = handle->file->writer()->TryWrite(offset, data, Appends(*handle, writer));
  handle->file->Leave();
  if (written && *written) NoteWrite(*handle, writer);
  return written;
}

Result<size_t> CoreFileSystem::TryWriteLanded(HandleId id, uint64_t offset, Landing& landing, size_t size,
                                              Writer writer) {
  const auto handle = files_.Get(id);
  if (!handle || !handle->writable) return BadHandle();
  if (!handle->file->TryEnter()) return size_t{0};
  Result<size_t> taken = handle->file->writer()->TryWriteLanded(offset, landing, size, Appends(*handle, writer));
  handle->file->Leave();
  if (taken && *taken > 0) NoteWrite(*handle, writer);
  return taken;
}

Status CoreFileSystem::Write(HandleId id, uint64_t offset, std::span<const std::byte> data, Writer writer) {
  const auto handle = files_.Get(id);
  if (!handle || !handle->writable) return BadHandle();
  GatePass pass(*handle->file);
  Status written = handle->file->writer()->Write(offset, data, Appends(*handle, writer));
  if (written) NoteWrite(*handle, writer);
  return written;
}

Status CoreFileSystem::Allocate(HandleId id, int mode, uint64_t offset, uint64_t length) {
  const auto handle = files_.Get(id);
  if (!handle || !handle->writable) return BadHandle();
  GatePass pass(*handle->file);
  const auto writer = handle->file->writer();
  Status allocated = writer->Allocate(mode, offset, length);
  if (allocated && writer->dirty()) NoteWrite(*handle);
  return allocated;
}

Status CoreFileSystem::TruncateOpen(OpenFile& file, uint64_t size) {
  GatePass pass(file);
  const auto writer = file.writer();
  if (writer->size() == size) {
    MutexLock lock(context_.tree.mutex);
    if (Node* node = context_.tree.Find(file.ino())) TouchTruncated(node, &file);
    return {};
  }
  OSSFS2_RETURN_IF_ERROR(writer->Truncate(size));
  file.last_write_ns = context_.clock.NowWallNs();
  return {};
}

// A truncate to the size that the file has: only its time is new. Not worth a request, unless somebody chose
// another time before.
void CoreFileSystem::TouchTruncated(Node* node, OpenFile* file) {
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
  publisher_.SharesTree(context_.tree);
  publisher_.Note(node);
}

Status CoreFileSystem::Resize(Ino ino, uint64_t size, std::optional<HandleId> id) {
  std::shared_ptr<FileHandle> handle = id ? files_.Get(*id) : nullptr;
  if (handle && !handle->writable) handle = nullptr;
  {
    MutexLock lock(context_.tree.mutex);
    Node* node = context_.tree.Find(ino);
    if (node == nullptr) return StaleInode();
    if (node->is_directory()) return MakeError(EISDIR, ErrorKind::kInvalid, "A directory has no size.");
    if (node->type == NodeType::kSymlink)
      return MakeError(EINVAL, ErrorKind::kInvalid, "A symlink has no size.");
    const bool busy = node->extra && node->extra->open && (node->extra->open->ahead() || node->extra->open->writable_handles > 0);
    if (!handle && !busy && node->size == size) {
      TouchTruncated(node, nullptr);
      return {};
    }
  }
  if (!handle) return ResizeUnopened(ino, size);
  OSSFS2_RETURN_IF_ERROR(TruncateOpen(*handle->file, size));
  if (handle->file->dirty()) NoteWrite(*handle);
  return {};
}

// Through a handle of its own: with the last handle of others what is not stored would go.
Status CoreFileSystem::ResizeUnopened(Ino ino, uint64_t size) {
  Result<Opened> opened = Open(ino, O_WRONLY);
  if (!opened) return opened.error();
  const std::shared_ptr<OpenFile> file = files_.Get(opened->handle)->file;
  Status status = TruncateOpen(*file, size);
  bool has_writers = false;
  {
    MutexLock lock(context_.tree.mutex);
    has_writers = file->writable_handles > 1;  // they store it
    if (Node* node = context_.tree.Find(ino); node != nullptr && !opened->keep_cache) node->pages_stale = true;
  }
  if (status && !has_writers) status = publisher_.Publish(ino, false);
  Release(opened->handle);
  return status;
}

// --- flushing ---

bool CoreFileSystem::NothingToFlush(HandleId id) {
  const auto handle = files_.Get(id);
  if (!handle) return true;
  if (!handle->closing.exchange(true)) handle->file->closing.fetch_add(1);
  if (!handle->writable) return true;
  const auto writer = handle->file->writer();
  return !writer || (!writer->dirty() && writer->sticky_error().has_value());
}

Status CoreFileSystem::PublishHandle(FileHandle& handle, bool sync) {
  const auto writer = handle.file->writer();
  if (!writer) return {};
  if (Status stuck = writer->sticky_error(); !stuck) return stuck;
  if (!writer->dirty()) return {};
  return publisher_.Publish(handle.ino, sync);
}

Status CoreFileSystem::Flush(HandleId id) {
  const auto handle = files_.Get(id);
  if (!handle) return BadHandle();
  if (!handle->writable) return {};
  if (handle->unflushed.exchange(false)) handle->file->unflushed.fetch_sub(1);
  // Another handle is in the middle of writing this file: its close stores all.
  if (handle->file->unflushed > 0 || !context_.options.sync_upload)
    return handle->file->writer()->sticky_error();
  Status stored = PublishHandle(*handle, false);
  handle->file->told = !stored.has_value();
  return stored;
}

Status CoreFileSystem::Fsync(HandleId id) {
  const auto handle = files_.Get(id);
  if (!handle) return BadHandle();
  if (context_.options.ignore_fsync) return {};
  if (handle->writable) OSSFS2_RETURN_IF_ERROR(PublishHandle(*handle, true));
  return publisher_.SaveAttributes(handle->ino);
}

// --- copying ---

Result<size_t> CoreFileSystem::CopyFileRange(HandleId source_id, uint64_t source_offset, HandleId target_id,
                                             uint64_t target_offset, size_t length) {
  const auto source = files_.Get(source_id);
  const auto target = files_.Get(target_id);
  if (!source || !target || !source->readable || !target->writable || target->append) return BadHandle();
  if (source->ino == target->ino && source_offset < target_offset + length &&
      target_offset < source_offset + length)
    return MakeError(EINVAL, ErrorKind::kInvalid, "The ranges overlap.");
  ObjectVersion version;
  {
    MutexLock lock(context_.tree.mutex);
    const Node* node = context_.tree.Find(source->ino);
    if (node == nullptr) return StaleInode();
    version = context_.VersionOf(node);
    if (node->unlinked) version.etag.clear();
  }
  if (!source->file->ahead() && !version.etag.empty()) {
    if (source_offset >= version.size) return size_t{0};
    length = static_cast<size_t>(std::min<uint64_t>(length, version.size - source_offset));
    GatePass pass(*target->file);
    Result<bool> copied = target->file->writer()->CopyRange(version, source_offset, target_offset, length);
    if (!copied) return copied.error();
    if (*copied) {
      NoteWrite(*target);
      return length;
    }
  }
  return CopyThrough(*source, source_offset, *target, target_offset, length);
}

Result<size_t> CoreFileSystem::CopyThrough(FileHandle& source, uint64_t source_offset, FileHandle& target,
                                           uint64_t target_offset, size_t length) {
  length = std::min(length, kCopyThroughBytesMax);
  std::vector<std::byte> piece(std::min(length, kCopyPieceBytes));
  size_t copied = 0;
  while (copied < length) {
    const size_t wanted = std::min(piece.size(), length - copied);
    Result<size_t> read = ReadSome(source, source_offset + copied, std::span(piece).first(wanted));
    if (!read) return copied > 0 ? Result<size_t>(copied) : read;
    if (*read == 0) break;
    GatePass pass(*target.file);
    const Status written =
        target.file->writer()->Write(target_offset + copied, std::span(piece).first(*read), false);
    if (!written) return written.error();
    NoteWrite(target);
    copied += *read;
  }
  return copied;
}

std::optional<std::pair<uint64_t, ObjectVersion>> CoreFileSystem::NextShard(uint64_t file_id) {
  MutexLock lock(context_.tree.mutex);
  const Node* node = context_.tree.Find(file_id);
  if (node == nullptr || node->parent == nullptr) return std::nullopt;
  const auto name = NextShardName(node->name);
  if (!name) return std::nullopt;
  Node* next = context_.tree.Child(node->parent, *name);
  if (next == nullptr || next->type != NodeType::kFile || !next->published || next->size == 0)
    return std::nullopt;
  if (next->extra && next->extra->open && next->extra->open->ahead()) return std::nullopt;
  if (IsUnavailableArchive(next)) return std::nullopt;
  return std::make_pair(next->ino, context_.VersionOf(next));
}

}  // namespace ossfs2
