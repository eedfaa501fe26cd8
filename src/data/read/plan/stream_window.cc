#include "data/read/plan/stream_window.h"

#include <algorithm>

#include "data/memory/memory_pool.h"

namespace ossfs2 {
namespace {
constexpr uint64_t kSteadyShare = 8;            // of what was read
constexpr uint64_t kTrustedBytes = 80ull << 20;  // what a stream reads beyond this counts in full
}  // namespace

uint64_t WindowBound(uint64_t consumed, uint64_t carried) {
  const uint64_t late = std::max(consumed / 8 * 3, consumed - std::min(consumed, kTrustedBytes));
  const uint64_t proven = std::min(2 * consumed, std::max(kWindowFreeBytes, late));
  return std::max({kWindowBytesMin, proven, carried});
}

uint64_t FirstWindow(uint64_t consumed, uint64_t carried) {
  return std::max(std::clamp(2 * consumed, kWindowBytesMin, kWindowFreeBytes / 2), carried);
}

uint64_t SteadyWindow(uint64_t window, uint64_t consumed, uint64_t budget) {
  return std::max(window, std::min({consumed / kSteadyShare, kSteadyWindowBytesMax, budget}));
}

uint64_t GrownWindow(uint64_t window, uint64_t bound, uint64_t budget) {
  return std::max(std::min({window * 2, bound, budget}), std::min(window, budget));
}

uint64_t PieceBytes(uint64_t window, uint64_t chunk_bytes, uint64_t budget, uint64_t pieces) {
  constexpr uint64_t kBlock = MemoryPool::kBlockBytes;
  uint64_t piece =
      std::clamp(window / std::max<uint64_t>(pieces, 1), kPieceBytesMin, std::max(chunk_bytes, kPieceBytesMin));
  // With little memory: at least two pieces in the budget, one block each if need be.
  piece = std::min({piece, std::max(budget / 2, kBlock), std::max(window, kBlock)});
  return std::max(piece / kBlock * kBlock, kBlock);
}

}  // namespace ossfs2
