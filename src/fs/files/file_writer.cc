#include "fs/files/file_writer.h"

namespace ossfs2 {
namespace {

WritePlace PlaceOf(const FileHandle& handle, Writer writer) {
  return handle.append && writer == Writer::kCall ? WritePlace::kEnd : WritePlace::kOffset;
}

}  // namespace

Result<bool> FileWriter::TryWrite(HandleId id, uint64_t offset, std::span<const std::byte> data, Writer writer) {
  const auto handle = files_.Get(id);
  if (!handle || !handle->writable) return BadHandle(id);
  opener_.NoteAnswered(*handle);
  if (!handle->file->TryEnter()) return false;
  Result<bool> written = handle->file->writer()->TryWrite(offset, data, PlaceOf(*handle, writer));
  handle->file->Leave();
  if (written && *written) handle->NoteWrite(context_.clock.NowWallNs(), writer);
  return written;
}

Result<size_t> FileWriter::TryWriteLanded(HandleId id, uint64_t offset, Landing& landing, size_t size,
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

Result<size_t> FileWriter::WriteLanded(HandleId id, uint64_t offset, const Landing& landing, size_t from,
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

Status FileWriter::Write(HandleId id, uint64_t offset, std::span<const std::byte> data, Writer writer) {
  const auto handle = files_.Get(id);
  if (!handle || !handle->writable) return BadHandle(id);
  {
    GatePass pass(*handle->file);
    OSSFS2_RETURN_IF_ERROR(handle->file->writer()->Write(offset, data, PlaceOf(*handle, writer)));
    handle->NoteWrite(context_.clock.NowWallNs(), writer);
  }
  return final_flush_.StoreLate(handle->ino);
}

Status FileWriter::Allocate(HandleId id, int mode, uint64_t offset, uint64_t length) {
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
