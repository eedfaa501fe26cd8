#include "data/read/chunks/chunk.h"

#include <algorithm>

namespace ossfs2 {

void Chunk::AppendParts(ByteRange wanted, std::vector<iovec>& parts) const {
  uint64_t position = wanted.begin - range.begin;
  const uint64_t stop = wanted.end - range.begin;
  while (position < stop) {
    const size_t index = static_cast<size_t>(position / MemoryPool::kBlockBytes);
    const uint64_t inside = position % MemoryPool::kBlockBytes;
    const uint64_t count = std::min(MemoryPool::kBlockBytes - inside, stop - position);
    std::byte* start = blocks[index]->data() + inside;
    if (!parts.empty() && static_cast<std::byte*>(parts.back().iov_base) + parts.back().iov_len == start)
      parts.back().iov_len += count;
    else
      parts.push_back({start, static_cast<size_t>(count)});
    position += count;
  }
}

}  // namespace ossfs2
