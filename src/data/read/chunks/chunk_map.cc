#include "data/read/chunks/chunk_map.h"

#include <cassert>
#include <iterator>

namespace ossfs2 {

const ChunkRef* ChunkMap::Find(uint64_t offset) const {
  auto it = chunks_.upper_bound(offset);
  if (it == chunks_.begin()) return nullptr;
  --it;
  return it->second->range.end > offset ? &it->second : nullptr;
}

void ChunkMap::Overlapping(ByteRange range, std::vector<ChunkRef>& out) const {
  auto it = chunks_.upper_bound(range.begin);
  if (it != chunks_.begin() && std::prev(it)->second->range.end > range.begin) --it;
  for (; it != chunks_.end() && it->first < range.end; ++it) out.push_back(it->second);
}

std::vector<ByteRange> ChunkMap::Gaps(ByteRange range) const {
  std::vector<ByteRange> gaps;
  auto it = chunks_.upper_bound(range.begin);
  if (it != chunks_.begin() && std::prev(it)->second->range.end > range.begin) --it;
  uint64_t position = range.begin;
  for (; it != chunks_.end() && it->first < range.end; ++it) {
    if (it->first > position) gaps.push_back({position, it->first});
    position = it->second->range.end;
  }
  if (position < range.end) gaps.push_back({position, range.end});
  return gaps;
}

uint64_t ChunkMap::NextBegin(uint64_t offset) const {
  const auto it = chunks_.lower_bound(offset);
  return it == chunks_.end() ? UINT64_MAX : it->first;
}

uint64_t ChunkMap::PreviousEnd(uint64_t offset) const {
  auto it = chunks_.lower_bound(offset);
  while (it != chunks_.begin()) {
    --it;
    if (it->second->range.end <= offset) return it->second->range.end;
  }
  return 0;
}

void ChunkMap::Insert(ChunkRef chunk) {
  assert(Gaps(chunk->range) == std::vector<ByteRange>{chunk->range});
  chunk->mapped = true;
  const uint64_t begin = chunk->range.begin;
  chunks_.emplace(begin, std::move(chunk));
}

ChunkRef ChunkMap::Erase(const Chunk& chunk) {
  if (!chunk.mapped) return nullptr;
  const auto it = chunks_.find(chunk.range.begin);
  assert(it != chunks_.end() && it->second.get() == &chunk);
  ChunkRef taken = std::move(it->second);
  chunks_.erase(it);
  taken->mapped = false;
  return taken;
}

}  // namespace ossfs2
