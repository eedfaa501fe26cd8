#include "data/incoming/write_landing.h"

#include <algorithm>
#include <utility>

namespace ossfs2 {

static_assert(Landing::kPieceBytes == MemoryPool::kBlockBytes);

std::unique_ptr<WriteLanding> WriteLanding::Make(MemoryPool& pool) {
  std::unique_ptr<WriteLanding> landing(new WriteLanding(pool));
  if (!landing->Refill()) return nullptr;
  return landing;
}

std::unique_ptr<WriteLanding> WriteLanding::Of(MemoryPool& pool, std::vector<BlockRef> blocks) {
  std::unique_ptr<WriteLanding> landing(new WriteLanding(pool));
  std::move(blocks.begin(), blocks.end(), landing->blocks_.begin());
  return landing;
}

std::span<std::byte> WriteLanding::Piece(size_t index) const {
  return blocks_[index] ? blocks_[index]->span() : std::span<std::byte>();
}

bool WriteLanding::Refill() {
  if (pool_.UnderPressure()) return false;
  const auto missing = static_cast<size_t>(std::count(blocks_.begin(), blocks_.end(), nullptr));
  if (missing == 0) return true;
  std::vector<BlockRef> fresh = pool_.TryAllocate(MemoryTag::kReceive, missing);
  if (fresh.size() != missing) return false;
  auto next = fresh.begin();
  for (BlockRef& block : blocks_)
    if (block == nullptr) block = std::move(*next++);
  return true;
}

}  // namespace ossfs2
