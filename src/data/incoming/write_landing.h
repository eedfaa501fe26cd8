// WriteLanding: a Landing whose pieces are blocks of the pool. A stream of writes keeps those that are filled
// wholly and lie where a block of its part begins (WriteStream::TryAppend); nothing is copied then.
//
// Bound: all landings of a mount together hold at most a sixteenth of the pool (MemoryPool, tag kReceive), and
// none are made or refilled while somebody waits for memory.
#pragma once

#include <array>
#include <memory>
#include <vector>

#include "data/memory/memory_pool.h"
#include "ossfs2/landing.h"

namespace ossfs2 {

class WriteLanding final : public Landing {
 public:
  // Null when there is no memory to spare.
  static std::unique_ptr<WriteLanding> Make(MemoryPool& pool);
  // Of these, kPieces at most.
  static std::unique_ptr<WriteLanding> Of(MemoryPool& pool, std::vector<BlockRef> blocks);

  std::span<std::byte> Piece(size_t index) const override;
  bool Refill() override;
  // The memory of a piece; whoever moves it out has retagged it.
  BlockRef& block(size_t index) { return blocks_[index]; }

 private:
  explicit WriteLanding(MemoryPool& pool) : pool_(pool) {}

  MemoryPool& pool_;
  std::array<BlockRef, kPieces> blocks_;
};

}  // namespace ossfs2
