// The bytes that a WriteStream has already: reading them back, and changing those that are in memory.
#include <algorithm>
#include <utility>

#include "base/machine/page_size.h"
#include "data/content/write_stream.h"

namespace ossfs2 {
namespace {

bool IsGone(const Error& error) {
  return error.kind == ErrorKind::kVersionChanged || error.kind == ErrorKind::kNotFound;
}

}  // namespace

PartBuffer* WriteStream::Holding(uint64_t offset) const {
  if (head_ && offset < head_->end()) return head_.get();
  if (tail_ && offset >= tail_->offset() && offset < tail_->end()) return tail_.get();
  return nullptr;
}

bool WriteStream::CanPatch(uint64_t offset, uint64_t length) const {
  if (whole_in_memory()) {
    const uint64_t capacity = head_ ? head_->capacity() : services_.PartBytesAt(0);
    if (!tail_) return offset + length <= capacity;
  }
  while (length > 0) {
    const PartBuffer* buffer = Holding(offset);
    if (buffer == nullptr) return false;
    const uint64_t piece = std::min(length, buffer->end() - offset);
    offset += piece;
    length -= piece;
  }
  return true;
}

Status WriteStream::GrowHead(uint64_t size) {
  OSSFS2_RETURN_IF_ERROR(spill_.BringBack());
  if (!head_) OpenBuffer();
  if (head_->size() >= size) return {};
  const uint64_t missing = size - head_->size();
  if (const size_t needed = PartBuffer::BlocksFor(missing, head_->Room()); needed > 0) {
    std::vector<BlockRef> blocks = services_.memory.TryAcquire(needed);
    if (blocks.size() != needed) {
      // Whoever waits for memory holds none: the head goes to disk meanwhile, or all may wait for each other.
      spill_.Spill(*head_);
      Result<std::vector<BlockRef>> given = services_.memory.Acquire(spill_.BlocksNeeded() + needed);
      if (!given) return given.error();
      blocks = std::move(*given);
      OSSFS2_RETURN_IF_ERROR(spill_.BringBack(blocks));
    }
    head_->AddBlocks(blocks);
  }
  head_->AppendZeros(missing);
  return {};
}

Result<bool> WriteStream::TryPatch(uint64_t offset, std::span<const std::byte> data) {
  if (!spill_.empty() || offset + data.size() > end() || !CanPatch(offset, data.size())) return false;
  OSSFS2_RETURN_IF_ERROR(failure());
  while (!data.empty()) {
    PartBuffer* buffer = Holding(offset);
    const size_t piece = static_cast<size_t>(std::min<uint64_t>(data.size(), buffer->end() - offset));
    buffer->Patch(offset - buffer->offset(), data.first(piece));
    offset += piece;
    data = data.subspan(piece);
  }
  return true;
}

Status WriteStream::Patch(uint64_t offset, std::span<const std::byte> data) {
  OSSFS2_RETURN_IF_ERROR(spill_.BringBack());
  if (offset + data.size() > end()) OSSFS2_RETURN_IF_ERROR(GrowHead(offset + data.size()));
  Result<bool> patched = TryPatch(offset, data);
  if (!patched) return patched.error();
  return {};
}

Result<bool> WriteStream::TryCut(uint64_t size) {
  OSSFS2_RETURN_IF_ERROR(spill_.BringBack());
  if (size >= end()) return true;
  if (tail_ && size >= tail_->offset()) {
    tail_->Cut(size - tail_->offset());
    if (tail_->size() == 0) tail_.reset();
    return true;
  }
  if (!sent_.empty() || !head_) return false;
  // Only head and tail: the tail was never sent, so its number is free again.
  tail_.reset();
  head_->Cut(size);
  return true;
}

Result<bool> WriteStream::Read(uint64_t offset, std::span<std::byte> out) {
  OSSFS2_RETURN_IF_ERROR(spill_.BringBack());
  while (!out.empty()) {
    size_t piece = 0;
    if (const PartBuffer* buffer = Holding(offset)) {
      piece = static_cast<size_t>(std::min<uint64_t>(out.size(), buffer->end() - offset));
      buffer->Read(offset - buffer->offset(), out.first(piece));
    } else {
      Result<size_t> read = sent_.Read(services_.store, offset, out);
      // The source of a finished copy may have been replaced or removed since.
      if (!read && offset >= seed_bytes_ && IsGone(read.error())) return false;
      if (!read) return read.error();
      if (*read == 0) return false;
      piece = *read;
    }
    offset += piece;
    out = out.subspan(piece);
  }
  return true;
}

std::vector<std::byte> WriteStream::Tail() const {
  const uint64_t begin = PageDown(end(), services_.options.page_bytes);
  const PartBuffer* buffer = begin == end() || !spill_.empty() ? nullptr : Holding(begin);
  if (buffer == nullptr || !buffer->resident()) return {};
  std::vector<std::byte> bytes(static_cast<size_t>(end() - begin));
  buffer->Read(begin - buffer->offset(), bytes);
  return bytes;
}

bool WriteStream::Lossless() const { return sent_.AreCopiesUpTo(seed_bytes_); }

Status WriteStream::EachResident(
    const std::function<Status(uint64_t offset, std::span<const std::byte> data)>& take) {
  OSSFS2_RETURN_IF_ERROR(spill_.BringBack());
  for (const auto& buffer : {head_, tail_}) {
    if (!buffer) continue;
    uint64_t at = buffer->offset();
    for (const auto span : buffer->Spans()) {
      OSSFS2_RETURN_IF_ERROR(take(at, span));
      at += span.size();
    }
  }
  return {};
}

}  // namespace ossfs2
