#include "fs/files/range_copier.h"

#include <algorithm>
#include <cerrno>
#include <vector>

namespace ossfs2 {

// That of the handle's reads: one copy is many calls, and must not go on with a version that came meanwhile.
std::optional<Result<ObjectVersion>> RangeCopier::VersionToCopy(FileHandle& source) {
  if (source.file->ahead()) return std::nullopt;
  {
    MutexLock lock(context_.tree.mutex);
    const Node* node = context_.tree.Find(source.ino);
    if (node == nullptr) return Result<ObjectVersion>(context_.Stale(source.ino));
    if (node->unlinked || node->etag.empty()) return std::nullopt;
  }
  const auto reader = reader_.ReaderOf(source);
  if (!reader || reader->stale()) return Result<ObjectVersion>(context_.MakeStale(source.ino));
  return Result<ObjectVersion>(reader->version());
}

Result<size_t> RangeCopier::Copy(HandleId source_id, uint64_t source_offset, HandleId target_id,
                                             uint64_t target_offset, size_t length) {
  const auto source = files_.Get(source_id);
  const auto target = files_.Get(target_id);
  if (!source || !target || !source->readable || !target->writable || target->append)
    return BadHandle(source && source->readable ? target_id : source_id);
  if (source->ino == target->ino && source_offset < target_offset + length &&
      target_offset < source_offset + length)
    return MakeError(EINVAL, ErrorKind::kInvalid, "The ranges overlap.");
  Result<size_t> copied = CopyBetween(*source, source_offset, *target, target_offset, length);
  if (copied) OSSFS2_RETURN_IF_ERROR(final_flush_.StoreLate(target->ino));
  return copied;
}

Result<size_t> RangeCopier::CopyBetween(FileHandle& source, uint64_t source_offset, FileHandle& target,
                                           uint64_t target_offset, size_t length) {
  if (const auto stored = VersionToCopy(source)) {
    if (!*stored) return stored->error();
    const ObjectVersion& version = **stored;
    if (source_offset >= version.size) return size_t{0};
    length = static_cast<size_t>(std::min<uint64_t>(length, version.size - source_offset));
    GatePass pass(*target.file);
    Result<bool> copied = target.file->writer()->CopyRange(version, source_offset, target_offset, length);
    if (!copied) {
      if (copied.error().kind == ErrorKind::kVersionChanged || copied.error().kind == ErrorKind::kNotFound)
        host_.NoteGone(source.ino, version);
      return copied.error();
    }
    if (*copied) {
      target.NoteWrite(context_.clock.NowWallNs());
      return length;
    }
  }
  return CopyThrough(source, source_offset, target, target_offset, length);
}

Result<size_t> RangeCopier::CopyThrough(FileHandle& source, uint64_t source_offset, FileHandle& target,
                                           uint64_t target_offset, size_t length) {
  length = std::min(length, kThroughBytesMax);
  std::vector<std::byte> piece(std::min(length, kPieceBytes));
  size_t copied = 0;
  while (copied < length) {
    const size_t wanted = std::min(piece.size(), length - copied);
    Result<size_t> read = reader_.ReadSome(source, source_offset + copied, std::span(piece).first(wanted));
    if (!read) return copied > 0 ? Result<size_t>(copied) : read;
    if (*read == 0) break;
    GatePass pass(*target.file);
    const Status written =
        target.file->writer()->Write(target_offset + copied, std::span(piece).first(*read),
                                      WritePlace::kOffset);
    if (!written) return written.error();
    target.NoteWrite(context_.clock.NowWallNs());
    copied += *read;
  }
  return copied;
}

}  // namespace ossfs2
