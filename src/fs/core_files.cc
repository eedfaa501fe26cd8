// Reading, writing, resizing and flushing through handles.
#include <fcntl.h>

#include <algorithm>
#include <cerrno>

#include "base/str.h"
#include "fs/core_file_system.h"

namespace ossfs2 {
namespace {

// A file that another host removed is read from memory; what already left it cannot come back.
constexpr uint64_t kRemovedReadBytesMax = 1ull << 20;

WritePlace PlaceOf(const FileHandle& handle, Writer writer) {
  return handle.append && writer == Writer::kCall ? WritePlace::kEnd : WritePlace::kOffset;
}

}  // namespace

// --- reading ---

// None: the file has no name and no place of its own.
std::optional<ObjectVersion> CoreFileSystem::VersionToRead(const FileHandle& handle) {
  if (auto parked = handle.file->parked()) return parked;
  MutexLock lock(context_.tree.mutex);
  const Node* node = context_.tree.Find(handle.ino);
  if (node == nullptr || node->unlinked) return std::nullopt;
  return context_.VersionOf(node);
}

// Null: what the handle has read of is gone.
std::shared_ptr<ReadFile> CoreFileSystem::ReaderOf(FileHandle& handle) {
  MutexLock lock(handle.mutex);
  for (;;) {
    const uint64_t version = handle.file->version;
    if (handle.reader && handle.reader_version == version) return handle.reader;
    const auto object = VersionToRead(handle);
    if (!object) return handle.reader;
    if (handle.outdated()) return nullptr;
    std::shared_ptr<ReadFile> reader = context_.reads.Open(handle.ino, *object);
    // Whoever found a newer version between the two looks could not retire this reader.
    if (const auto now = VersionToRead(handle); now && !now->SameBytes(*object)) continue;
    handle.reader = std::move(reader);
    handle.reader_version = version;
    if ((handle.flags & O_DIRECT) != 0) handle.reader->SetDirect(handle.id);
    return handle.reader;
  }
}

void CoreFileSystem::Read(HandleId id, uint64_t offset, size_t size, ReadDone done) {
  auto handle = files_.Get(id);
  if (!handle || !handle->readable) return done(BadHandle(id));
  opener_.NoteAnswered(*handle);
  const auto writer = handle->file->writer();
  const bool removed = handle->file->unlinked && writer && !writer->detached();
  if (writer && (handle->file->ahead() || (removed && writer->size() > 0)))
    return ReadDirty(std::move(handle), offset, size, std::move(done));
  if (writer && writer->detached() && writer->size() == 0) return done(ReadReply());
  const uint64_t version = handle->file->version;
  const auto reader = ReaderOf(*handle);
  const Ino ino = handle->ino;
  if (!reader) return ReadOfLost(std::move(handle), offset, size, context_.MakeStale(ino), std::move(done));
  if (ReadReply reply; !reader->stale() && context_.written_pages.Answer(reader->version(), offset, size, reply))
    return done(std::move(reply));
  const HandleId reads_as = handle->id;
  reader->Read(reads_as, offset, size,
               [this, handle = std::move(handle), version, offset, size,
                done = std::move(done)](Result<ReadReply> reply) mutable {
                 if (reply || reply.error().errno_value != ESTALE) return done(std::move(reply));
                 if (StoredSince(*handle, version)) return Read(handle->id, offset, size, std::move(done));
                 ReadOfLost(std::move(handle), offset, size, reply.error(), std::move(done));
               });
}

// The object is not what was opened any more. Where this mount takes its name (Detacher) the writer has the bytes, or
// knows where they are; it has its turn as soon as the name is gone.
void CoreFileSystem::ReadOfLost(std::shared_ptr<FileHandle> handle, uint64_t offset, size_t size, Error error,
                                ReadDone done) {
  if (!LostHere(*handle)) return done(std::move(error));
  ReadDirty(std::move(handle), offset, size, std::move(done));
}

// In this order: a publication that is through has counted its version.
bool CoreFileSystem::StoredSince(const FileHandle& handle, uint64_t version) {
  return !LostHere(handle) && (handle.file->ahead() || handle.file->version != version);
}

bool CoreFileSystem::LostHere(const FileHandle& handle) {
  const auto writer = handle.file->writer();
  if (!writer) return false;
  if (writer->detached()) return true;
  MutexLock lock(context_.tree.mutex);
  const Node* node = context_.tree.Find(handle.ino);
  return node != nullptr && node->leaving > 0;
}

void CoreFileSystem::ReadDirty(std::shared_ptr<FileHandle> handle, uint64_t offset, size_t size,
                               ReadDone done) {
  const std::shared_ptr<OpenFile> file = handle->file;
  const bool one_more = file->dirty_reads.Add([this, handle = std::move(handle), offset, size, done = std::move(done)] {
    const auto writer = handle->file->writer();
    if (!writer) return done(BadHandle(handle->id));  // closed by a program that was let go while this waited
    const uint64_t end = writer->size();
    if (handle->file->unlinked && !writer->detached() && end > kRemovedReadBytesMax)
      return done(context_.MakeStale(handle->ino));
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
  if (one_more) context_.Spawn([file] { file->dirty_reads.Run(); });
}

// --- writing ---

void CoreFileSystem::NoteWrite(FileHandle& handle, Writer writer) {
  handle.file->last_write_ns = context_.clock.NowWallNs();
  if (handle.file->told) handle.file->told = false;
  if (writer == Writer::kCall && !handle.unflushed.exchange(true)) handle.file->unflushed.fetch_add(1);
}

void CoreFileSystem::NoteFlushed(FileHandle& handle) {
  if (handle.unflushed.exchange(false)) handle.file->unflushed.fetch_sub(1);
}

Result<bool> CoreFileSystem::TryWrite(HandleId id, uint64_t offset, std::span<const std::byte> data, Writer writer) {
  const auto handle = files_.Get(id);
  if (!handle || !handle->writable) return BadHandle(id);
  opener_.NoteAnswered(*handle);
  if (!handle->file->TryEnter()) return false;
  Result<bool> written = handle->file->writer()->TryWrite(offset, data, PlaceOf(*handle, writer));
  handle->file->Leave();
  if (written && *written) NoteWrite(*handle, writer);
  return written;
}

Result<size_t> CoreFileSystem::TryWriteLanded(HandleId id, uint64_t offset, Landing& landing, size_t size,
                                              Writer writer) {
  const auto handle = files_.Get(id);
  if (!handle || !handle->writable) return BadHandle(id);
  opener_.NoteAnswered(*handle);
  if (!handle->file->TryEnter()) return size_t{0};
  Result<size_t> taken = handle->file->writer()->TryWriteLanded(offset, landing, size, PlaceOf(*handle, writer));
  handle->file->Leave();
  if (taken && *taken > 0) NoteWrite(*handle, writer);
  return taken;
}

Result<size_t> CoreFileSystem::WriteLanded(HandleId id, uint64_t offset, const Landing& landing, size_t from,
                                           size_t size, Writer writer) {
  const auto handle = files_.Get(id);
  if (!handle || !handle->writable) return BadHandle(id);
  GatePass pass(*handle->file);
  Result<size_t> written =
      handle->file->writer()->WriteLanded(offset, landing, from, size, PlaceOf(*handle, writer));
  if (written && *written > from) NoteWrite(*handle, writer);
  return written;
}

Status CoreFileSystem::Write(HandleId id, uint64_t offset, std::span<const std::byte> data, Writer writer) {
  const auto handle = files_.Get(id);
  if (!handle || !handle->writable) return BadHandle(id);
  GatePass pass(*handle->file);
  Status written = handle->file->writer()->Write(offset, data, PlaceOf(*handle, writer));
  if (written) NoteWrite(*handle, writer);
  return written;
}

Status CoreFileSystem::Allocate(HandleId id, int mode, uint64_t offset, uint64_t length) {
  const auto handle = files_.Get(id);
  if (!handle || !handle->writable) return BadHandle(id);
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
  saver_.SharesTree(context_.tree);
  saver_.Note(node);
}

Status CoreFileSystem::Resize(Ino ino, uint64_t size, std::optional<HandleId> id) {
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
  }
  if (status && !has_writers) status = publisher_.Publish(ino, PublishFor::kClose);
  Release(opened->handle);
  return status;
}

// --- flushing ---

bool CoreFileSystem::NothingToFlush(HandleId id) {
  const auto handle = files_.Get(id);
  if (!handle) return true;
  opener_.NoteAnswered(*handle);
  if (!handle->closing.exchange(true)) handle->file->closing.fetch_add(1);
  const auto writer = handle->file->writer();
  if (!handle->stores) return !writer || !writer->provisional();  // the last close puts the old version back
  if (writer && (writer->dirty() || !writer->sticky_error())) return false;
  NoteFlushed(*handle);
  return true;
}

Status CoreFileSystem::PublishHandle(FileHandle& handle, PublishFor purpose) {
  const auto writer = handle.file->writer();
  if (!writer) return {};
  if (Status stuck = writer->sticky_error(); !stuck) return stuck;
  if (!writer->dirty()) return {};
  return publisher_.Publish(handle.ino, purpose);
}

Status CoreFileSystem::Flush(HandleId id) {
  const auto handle = files_.Get(id);
  if (!handle) return BadHandle(id);
  if (!handle->stores) return {};
  NoteFlushed(*handle);
  // Another handle is in the middle of writing this file: its close stores all.
  if (handle->file->unflushed > 0 || !context_.options.sync_upload)
    return handle->file->writer()->sticky_error();
  Status stored = PublishHandle(*handle, PublishFor::kClose);
  handle->file->told = !stored.has_value();
  return stored;
}

Status CoreFileSystem::Fsync(HandleId id) {
  const auto handle = files_.Get(id);
  if (!handle) return BadHandle(id);
  if (context_.options.ignore_fsync) return {};
  // The file is meant, not what this handle wrote: sync(1) opens it for reading.
  OSSFS2_RETURN_IF_ERROR(PublishHandle(*handle, PublishFor::kFsync));
  NoteFlushed(*handle);
  return saver_.Save(handle->ino);
}

}  // namespace ossfs2
