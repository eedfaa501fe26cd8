#include "fs/files/file_reader.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>
#include <vector>

#include "base/threads/awaited.h"

namespace ossfs2 {

std::optional<ObjectVersion> FileReader::VersionToRead(const FileHandle& handle) {
  if (auto parked = handle.file->parked()) return parked;
  MutexLock lock(context_.tree.mutex);
  const Node* node = context_.tree.Find(handle.ino);
  if (node == nullptr || node->unlinked) return std::nullopt;
  return context_.VersionOf(node);
}

std::shared_ptr<ReadFile> FileReader::ReaderOf(FileHandle& handle) {
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

void FileReader::Read(HandleId id, uint64_t offset, size_t size, ReadInto into, ReadDone done) {
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
void FileReader::ReadOfLost(std::shared_ptr<FileHandle> handle, uint64_t offset, size_t size, Error error,
                                ReadDone done) {
  if (handle->outdated() || !LostHere(*handle)) return done(std::move(error));
  ReadDirty(std::move(handle), offset, size, std::move(done));
}

// In this order: a publication that is through has counted its version.
bool FileReader::StoredSince(const FileHandle& handle, uint64_t version) {
  return !LostHere(handle) && (handle.file->ahead() || handle.file->version != version);
}

bool FileReader::LostHere(const FileHandle& handle) {
  const auto writer = handle.file->writer();
  if (!writer) return false;
  if (writer->detached()) return true;
  MutexLock lock(context_.tree.mutex);
  const Node* node = context_.tree.Find(handle.ino);
  return node != nullptr && node->leaving > 0;
}

void FileReader::ReadDirty(std::shared_ptr<FileHandle> handle, uint64_t offset, size_t size, ReadDone done) {
  const std::shared_ptr<OpenFile> file = handle->file;
  const bool one_more = file->dirty_reads.Add([this, handle = std::move(handle), offset, size, done = std::move(done)] {
    done(ReadWriter(*handle, offset, size));
  });
  if (one_more) context_.Spawn([file] { file->dirty_reads.Run(); });
}

Result<ReadReply> FileReader::ReadWriter(FileHandle& handle, uint64_t offset, size_t size) {
  const auto writer = handle.file->writer();
  if (!writer) return BadHandle(handle.id);  // closed by a program that was let go while this waited
  const uint64_t end = writer->size();
  if (handle.file->unlinked && !LostHere(handle) && end > kRemovedReadBytesMax) return context_.MakeStale(handle.ino);
  const size_t wanted = offset >= end ? 0 : static_cast<size_t>(std::min<uint64_t>(size, end - offset));
  ReadReply reply;
  if (wanted == 0) return reply;
  auto bytes = std::make_shared<std::vector<std::byte>>(wanted);
  Result<size_t> read = writer->Read(offset, *bytes);
  if (!read) return read.error();
  reply.bytes = *read;
  if (*read > 0) reply.parts.push_back({bytes->data(), *read});
  reply.pin = std::move(bytes);
  return reply;
}

Result<size_t> FileReader::ReadSome(FileHandle& handle, uint64_t offset, std::span<std::byte> out) {
  const auto writer = handle.file->writer();
  if (writer && handle.file->ahead()) return writer->Read(offset, out);
  if (writer && writer->detached() && writer->size() == 0) return size_t{0};
  const auto reader = ReaderOf(handle);
  if (!reader) return context_.MakeStale(handle.ino);
  const auto answer = std::make_shared<Awaited<Result<ReadReply>>>();
  // Nothing is to be kept in memory for it as for a program that reads past the page cache: a copy does not come again.
  reader->Read(handle.id, offset, out.size(), ReadInto::kPageCache,
               [answer](Result<ReadReply> reply) { answer->Set(std::move(reply)); });
  const Result<ReadReply> reply = answer->Take();
  if (!reply) return reply.error();
  size_t copied = 0;
  for (const iovec& part : reply->parts) {
    const size_t bytes = std::min(part.iov_len, out.size() - copied);
    std::memcpy(out.data() + copied, part.iov_base, bytes);
    copied += bytes;
  }
  return copied;
}

}  // namespace ossfs2
