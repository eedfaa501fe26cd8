#include "data/upload/upload_geometry.h"

#include <algorithm>

#include "data/memory/memory_pool.h"
#include "ossfs2/object_store.h"

namespace ossfs2 {
namespace {

constexpr uint64_t kBlock = MemoryPool::kBlockBytes;
constexpr uint64_t kCopyRunBytes = 1ull << 30;
constexpr size_t kCellsOfOneSize = 1000;  // then the cells double, every kCellsBeforeDoubling
constexpr size_t kCellsBeforeDoubling = 300;
constexpr uint64_t kCellBytesMax = 4ull << 30;

uint64_t RoundDown(uint64_t value, uint64_t unit) { return value / unit * unit; }
uint64_t RoundUp(uint64_t value, uint64_t unit) { return (value + unit - 1) / unit * unit; }

}  // namespace

uint64_t UsablePartBytes(uint64_t part_bytes, uint64_t pool_bytes) {
  const uint64_t cap = std::max(kBlock, RoundDown(std::min(pool_bytes / 8, kPartBytesMax), kBlock));
  return std::clamp(RoundUp(part_bytes, kBlock), kBlock, cap);
}

uint64_t StreamPartBytes(uint64_t part_bytes, uint64_t offset, uint64_t pool_bytes) {
  return UsablePartBytes(std::max(part_bytes, offset / 1000), pool_bytes);
}

std::vector<std::pair<uint64_t, uint64_t>> CopyRuns(uint64_t begin, uint64_t end) {
  std::vector<std::pair<uint64_t, uint64_t>> runs;
  if (begin >= end) return runs;
  const uint64_t length = end - begin;
  const uint64_t wanted = std::clamp(length / 4000, kCopyRunBytes, kPartBytesMax);
  const uint64_t count = (length + wanted - 1) / wanted;
  const uint64_t each = (length + count - 1) / count;
  for (uint64_t at = begin; at < end; at += each) runs.emplace_back(at, std::min(end, at + each));
  return runs;
}

UploadCells::UploadCells(uint64_t part_bytes) {
  const size_t cells = static_cast<size_t>(kPartsMax / kNumbersPerCell);
  starts_.reserve(cells + 1);
  uint64_t at = 0;
  uint64_t bytes = part_bytes;
  for (size_t cell = 0; cell < cells; ++cell) {
    if (cell >= kCellsOfOneSize && (cell - kCellsOfOneSize) % kCellsBeforeDoubling == 0)
      bytes = std::max(part_bytes, std::min(bytes * 2, kCellBytesMax));
    starts_.push_back(at);
    at += bytes;
  }
  starts_.push_back(std::min(at, kObjectBytesMax));
}

size_t UploadCells::IndexOf(uint64_t offset) const {
  const auto after = std::upper_bound(starts_.begin(), starts_.end(), offset);
  return static_cast<size_t>(after - starts_.begin()) - 1;
}

}  // namespace ossfs2
