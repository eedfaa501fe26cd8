#include "data/upload/part_buffer.h"

#include <algorithm>
#include <cstring>

#include "base/values/crc64.h"

namespace ossfs2 {
namespace {
constexpr uint64_t kBlock = MemoryPool::kBlockBytes;
constexpr size_t kPieceBytes = 16u << 10;  // fits the first-level cache beside its copy
}  // namespace

PartBuffer::PartBuffer(uint64_t offset, uint64_t capacity_bytes, bool with_crc)
    : offset_(offset), capacity_(capacity_bytes), with_crc_(with_crc) {
  blocks_.reserve(static_cast<size_t>(capacity_bytes / kBlock));
}

std::byte* PartBuffer::At(uint64_t position) const {
  return blocks_[static_cast<size_t>(position / kBlock)]->data() + position % kBlock;
}

void PartBuffer::Append(std::span<const std::byte> data) {
  const bool crc_goes_on = with_crc_ && crc_bytes_ == size_;
  while (!data.empty()) {
    const size_t piece =
        static_cast<size_t>(std::min<uint64_t>({data.size(), kPieceBytes, kBlock - size_ % kBlock}));
    std::byte* to = At(size_);
    std::memcpy(to, data.data(), piece);
    if (crc_goes_on) {
      crc_ = Crc64(crc_, to, piece);
      crc_bytes_ += piece;
    }
    size_ += piece;
    data = data.subspan(piece);
  }
}

void PartBuffer::AppendBlock(BlockRef block) {
  const bool crc_goes_on = with_crc_ && crc_bytes_ == size_;
  if (crc_goes_on) {
    crc_ = Crc64(crc_, block->data(), kBlock);
    crc_bytes_ += kBlock;
  }
  blocks_.push_back(std::move(block));
  size_ += kBlock;
}

void PartBuffer::AppendZeros(uint64_t count) {
  while (count > 0) {
    const uint64_t piece = std::min(count, kBlock - size_ % kBlock);
    std::memset(At(size_), 0, static_cast<size_t>(piece));
    size_ += piece;
    count -= piece;
  }
}

std::span<std::byte> PartBuffer::Window(uint64_t position, uint64_t length_max) {
  const uint64_t length = std::min({length_max, kBlock - position % kBlock, size_ - position});
  return {At(position), static_cast<size_t>(length)};
}

void PartBuffer::Patched(uint64_t position) {
  // The sum of a shorter prefix cannot be won back: it is computed anew from the start.
  if (position < crc_bytes_) crc_ = crc_bytes_ = 0;
}

void PartBuffer::Grow(uint64_t count) { size_ += count; }

Status PartBuffer::Fill(const std::function<Status(uint64_t position, std::span<std::byte> window)>& fill) {
  for (uint64_t position = 0; position < size_;) {
    const std::span<std::byte> window = Window(position, size_ - position);
    OSSFS2_RETURN_IF_ERROR(fill(position, window));
    position += window.size();
  }
  return {};
}

void PartBuffer::Patch(uint64_t position, std::span<const std::byte> data) {
  Patched(position);
  while (!data.empty()) {
    const std::span<std::byte> to = Window(position, data.size());
    std::memcpy(to.data(), data.data(), to.size());
    position += to.size();
    data = data.subspan(to.size());
  }
}

void PartBuffer::Read(uint64_t position, std::span<std::byte> out) const {
  while (!out.empty()) {
    const size_t piece = static_cast<size_t>(std::min<uint64_t>(out.size(), kBlock - position % kBlock));
    std::memcpy(out.data(), At(position), piece);
    position += piece;
    out = out.subspan(piece);
  }
}

void PartBuffer::Cut(uint64_t size) {
  if (size < crc_bytes_) crc_ = crc_bytes_ = 0;
  size_ = size;
  const size_t keep = static_cast<size_t>((size + kBlock - 1) / kBlock);
  if (blocks_.size() > keep) blocks_.resize(keep);
}

uint64_t PartBuffer::Crc() {
  while (crc_bytes_ < size_) {
    const uint64_t piece = std::min(size_ - crc_bytes_, kBlock - crc_bytes_ % kBlock);
    crc_ = Crc64(crc_, At(crc_bytes_), static_cast<size_t>(piece));
    crc_bytes_ += piece;
  }
  return crc_;
}

std::vector<std::span<const std::byte>> PartBuffer::Spans() const {
  std::vector<std::span<const std::byte>> spans;
  spans.reserve(blocks_.size());
  for (uint64_t position = 0; position < size_;) {
    const uint64_t piece = std::min(kBlock, size_ - position);
    spans.emplace_back(At(position), static_cast<size_t>(piece));
    position += piece;
  }
  return spans;
}

}  // namespace ossfs2
