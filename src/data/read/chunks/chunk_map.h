// ChunkMap: the chunks of one file by offset, never overlapping. No lock: the file's.
//
// Whoever finds a gap and fills it with a chunk under one hold of the lock has
// made the only GET for those bytes: that is single flight.
#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "data/read/chunks/chunk.h"

namespace ossfs2 {

class ChunkMap {
 public:
  // Chunks that touch the range, in order.
  void Overlapping(ByteRange range, std::vector<ChunkRef>& out) const;
  // Parts of the range that no chunk holds.
  std::vector<ByteRange> Gaps(ByteRange range) const;
  // The chunk that holds `offset`; null when none does.
  const ChunkRef* Find(uint64_t offset) const;
  // Begin of the first chunk at or after `offset`; UINT64_MAX when there is none.
  uint64_t NextBegin(uint64_t offset) const;
  // End of the last chunk that ends at or before `offset`; 0 when there is none.
  uint64_t PreviousEnd(uint64_t offset) const;
  void Insert(ChunkRef chunk);
  // Takes the chunk out, if it is in; the caller drops the reference outside the lock.
  ChunkRef Erase(const Chunk& chunk);
  size_t Count() const { return chunks_.size(); }
  const std::map<uint64_t, ChunkRef>& all() const { return chunks_; }

 private:
  std::map<uint64_t, ChunkRef> chunks_;
};

}  // namespace ossfs2
