#include "data/stream_window.h"

#include <algorithm>

#include "data/memory_pool.h"

namespace ossfs2 {

uint64_t WindowBound(uint64_t consumed) {
  const uint64_t late = std::max(kWindowFreeBytes, consumed / 8 * 3);
  return std::max(kWindowBytesMin, std::min(2 * consumed, late));
}

uint64_t FirstWindow(uint64_t consumed) { return std::clamp(2 * consumed, kWindowBytesMin, kWindowFreeBytes / 2); }

uint64_t GrownWindow(uint64_t window, uint64_t consumed, uint64_t budget) {
  return std::max(std::min({window * 2, WindowBound(consumed), budget}), std::min(window, budget));
}

uint64_t PieceBytes(uint64_t window, uint64_t chunk_bytes, uint64_t budget) {
  constexpr uint64_t kBlock = MemoryPool::kBlockBytes;
  uint64_t piece = std::clamp(window / kWindowPieces, kPieceBytesMin, std::max(chunk_bytes, kPieceBytesMin));
  // With little memory: at least two pieces in the budget, one block each if need be.
  piece = std::min({piece, std::max(budget / 2, kBlock), std::max(window, kBlock)});
  return std::max(piece / kBlock * kBlock, kBlock);
}

}  // namespace ossfs2
