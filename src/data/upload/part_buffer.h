// PartBuffer: the bytes of one part of an upload, in blocks of the pool.
//
// Append copies and checksums in one pass of cache-sized pieces, so a byte is touched once; AppendBlock keeps the
// memory that the bytes came in.
// A patch of summed bytes makes the checksum stale; Crc() then computes it anew.
// The blocks can be taken away for a while (spilled to disk) and given back.
// Threads: one at a time until it is handed to an upload; from then on nobody changes it.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "data/memory/memory_pool.h"
#include "ossfs2/status.h"

namespace ossfs2 {

class PartBuffer {
 public:
  // The blocks that `bytes` take which find `room_bytes` in other blocks.
  static size_t BlocksFor(uint64_t bytes, uint64_t room_bytes) {
    const uint64_t missing = bytes - std::min(bytes, room_bytes);
    return static_cast<size_t>((missing + MemoryPool::kBlockBytes - 1) / MemoryPool::kBlockBytes);
  }

  // `capacity_bytes` is a multiple of the block size, so that parts end where blocks end.
  PartBuffer(uint64_t offset, uint64_t capacity_bytes, bool with_crc);

  uint64_t offset() const { return offset_; }
  uint64_t size() const { return size_; }
  uint64_t end() const { return offset_ + size_; }
  uint64_t capacity() const { return capacity_; }
  bool full() const { return size_ == capacity_; }
  bool resident() const { return blocks_.size() * MemoryPool::kBlockBytes >= size_; }
  size_t block_count() const { return blocks_.size(); }
  // Bytes that fit into the blocks it has.
  uint64_t Room() const { return blocks_.size() * MemoryPool::kBlockBytes - size_; }

  void AddBlock(BlockRef block) { blocks_.push_back(std::move(block)); }
  void AddBlocks(std::vector<BlockRef>& blocks) {
    for (BlockRef& block : blocks) AddBlock(std::move(block));
  }
  void DropBlocks() { blocks_.clear(); }

  void Append(std::span<const std::byte> data);  // at most Room() bytes
  // Appends a block that is full of data already. Room() is 0.
  void AppendBlock(BlockRef block);
  void AppendZeros(uint64_t count);
  void Patch(uint64_t position, std::span<const std::byte> data);
  void Read(uint64_t position, std::span<std::byte> out) const;
  // The memory at `position`, up to the end of its block, to be filled by the caller; then call Patched.
  std::span<std::byte> Window(uint64_t position, uint64_t length_max);
  void Patched(uint64_t position);
  // Makes `count` bytes of the room part of it, which the caller fills; the checksum is computed later.
  void Grow(uint64_t count);
  // Asks `fill` for all bytes, a window at a time, until it fails.
  Status Fill(const std::function<Status(uint64_t position, std::span<std::byte> window)>& fill);
  void Cut(uint64_t size);  // keeps the first `size` bytes, frees blocks beyond

  uint64_t Crc();
  std::vector<std::span<const std::byte>> Spans() const;

 private:
  std::byte* At(uint64_t position) const;

  const uint64_t offset_;
  const uint64_t capacity_;
  const bool with_crc_;
  uint64_t size_ = 0;
  std::vector<BlockRef> blocks_;
  uint64_t crc_ = 0;
  uint64_t crc_bytes_ = 0;  // how many bytes crc_ covers
};

}  // namespace ossfs2
