// MemorySlabs: the address range that the blocks of a MemoryPool lie in, and which of it is taken from the system.
//
// A slab is 2 MiB, aligned, MADV_HUGEPAGE, of eight blocks. Its pages come when they are touched first, which costs
// 0.4-2.5 s/GiB, so blocks are reused: the lowest slab with room serves first, and the others can fall idle and be
// given back. A build with AddressSanitizer reports the use of a block that went back.
// Threads: none of its own and no lock; MemoryPool's lock covers all calls.
// Errors: no address space ends the process, with a text that names the option.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <set>

#include "data/memory/memory_block.h"

namespace ossfs2 {

class MemorySlabs {
 public:
  static constexpr size_t kBlocksPerSlab = 8;
  static constexpr uint64_t kSlabBytes = Block::kBytes * kBlocksPerSlab;

  // `bytes`: a multiple of kSlabBytes.
  explicit MemorySlabs(uint64_t bytes);
  ~MemorySlabs();
  MemorySlabs(const MemorySlabs&) = delete;
  MemorySlabs& operator=(const MemorySlabs&) = delete;

  // A free block; there must be one.
  Block* Take();
  void PutBack(const Block* block);
  // Gives the pages of slabs back that were free now and at the last call.
  void ReleaseIdle();
  uint64_t ResidentBytes() const { return resident_ * kSlabBytes; }

 private:
  struct Slab {
    std::array<Block, kBlocksPerSlab> blocks;
    uint8_t free_mask = 0xff;
    bool resident = false;  // counted in resident_
    bool was_idle = false;  // fully free since the last ReleaseIdle
  };

  const uint64_t bytes_;
  std::byte* const memory_;  // the whole address range
  std::deque<Slab> slabs_;
  std::set<uint32_t> open_;  // slabs with a free block
  size_t resident_ = 0;
};

}  // namespace ossfs2
