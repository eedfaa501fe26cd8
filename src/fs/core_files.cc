// Reading and writing through handles.
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
    return handle.reader;
  }
}

void CoreFileSystem::Read(HandleId id, uint64_t offset, size_t size, ReadInto into, ReadDone done) {
  auto handle = files_.Get(id);
  if (!handle || !handle->readable) return done(BadHandle(id));
  opener_.NoteAnswered(*handle);
  if (into == ReadInto::kPageCache) opener_.NoteMapped(*handle);
  const auto writer = handle->file->writer();
  const bool removed = handle->file->unlinked && writer && !writer->detached();
  if (writer && (handle->file->ahead() || (removed && writer->size() > 0))) {
    // What others write here lies over a version that it did not open.
    if (handle->outdated() && !handle->stores) return done(context_.MakeStale(handle->ino));
    return ReadDirty(std::move(handle), offset, size, std::move(done));
  }
  if (writer && writer->detached() && writer->size() == 0) return done(ReadReply());
  const uint64_t version = handle->file->version;
  const auto reader = ReaderOf(*handle);
  const Ino ino = handle->ino;
  if (!reader) return ReadOfLost(std::move(handle), offset, size, context_.MakeStale(ino), std::move(done));
  if (ReadReply reply; !reader->stale() && context_.written_pages.Answer(reader->version(), offset, size, reply))
    return done(std::move(reply));
  const HandleId reads_as = handle->id;
  reader->Read(reads_as, offset, size, into,
               [this, handle = std::move(handle), version, offset, size, into,
                done = std::move(done)](Result<ReadReply> reply) mutable {
                 // Behind the old end the kernel would go on with pages of the new version, or zeros.
                 if (reply && reply->bytes < size && handle->outdated()) reply = context_.MakeStale(handle->ino);
                 if (reply || reply.error().errno_value != ESTALE) return done(std::move(reply));
                 if (StoredSince(*handle, version)) return Read(handle->id, offset, size, into, std::move(done));
                 ReadOfLost(std::move(handle), offset, size, reply.error(), std::move(done));
               });
}

// The object is not what was opened any more. Where this mount takes its name (Detacher) the writer has the bytes, or
// knows where they are; it has its turn as soon as the name is gone. They may be those of a newer version.
void CoreFileSystem::ReadOfLost(std::shared_ptr<FileHandle> handle, uint64_t offset, size_t size, Error error,
                                ReadDone done) {
  if (handle->outdated() || !LostHere(*handle)) return done(std::move(error));
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
    if (handle->file->unlinked && !LostHere(*handle) && end > kRemovedReadBytesMax)
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

Result<bool> CoreFileSystem::TryWrite(HandleId id, uint64_t offset, std::span<const std::byte> data, Writer writer) {
  const auto handle = files_.Get(id);
  if (!handle || !handle->writable) return BadHandle(id);
  opener_.NoteAnswered(*handle);
  if (!handle->file->TryEnter()) return false;
  Result<bool> written = handle->file->writer()->TryWrite(offset, data, PlaceOf(*handle, writer));
  handle->file->Leave();
  if (written && *written) handle->NoteWrite(context_.clock.NowWallNs(), writer);
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
  if (taken && *taken > 0) handle->NoteWrite(context_.clock.NowWallNs(), writer);
  return taken;
}

Result<size_t> CoreFileSystem::WriteLanded(HandleId id, uint64_t offset, const Landing& landing, size_t from,
                                           size_t size, Writer writer) {
  const auto handle = files_.Get(id);
  if (!handle || !handle->writable) return BadHandle(id);
  Result<size_t> written = size_t{0};
  {
    GatePass pass(*handle->file);
    if (handle->released) return BadHandle(id);  // others may have begun anew
    written = handle->file->writer()->WriteLanded(offset, landing, from, size, PlaceOf(*handle, writer));
    if (written && *written > from) handle->NoteWrite(context_.clock.NowWallNs(), writer);
  }
  if (written) OSSFS2_RETURN_IF_ERROR(final_flush_.StoreLate(handle->ino));
  return written;
}

Status CoreFileSystem::Write(HandleId id, uint64_t offset, std::span<const std::byte> data, Writer writer) {
  const auto handle = files_.Get(id);
  if (!handle || !handle->writable) return BadHandle(id);
  {
    GatePass pass(*handle->file);
    OSSFS2_RETURN_IF_ERROR(handle->file->writer()->Write(offset, data, PlaceOf(*handle, writer)));
    handle->NoteWrite(context_.clock.NowWallNs(), writer);
  }
  return final_flush_.StoreLate(handle->ino);
}

Status CoreFileSystem::Allocate(HandleId id, int mode, uint64_t offset, uint64_t length) {
  const auto handle = files_.Get(id);
  if (!handle || !handle->writable) return BadHandle(id);
  {
    GatePass pass(*handle->file);
    const auto writer = handle->file->writer();
    OSSFS2_RETURN_IF_ERROR(writer->Allocate(mode, offset, length));
    if (writer->dirty()) handle->NoteWrite(context_.clock.NowWallNs());
  }
  return final_flush_.StoreLate(handle->ino);
}

}  // namespace ossfs2
