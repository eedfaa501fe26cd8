// Block: one piece of payload memory, and the account (tag) that it counts for. MemoryPool says how blocks are shared.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

namespace ossfs2 {

enum class MemoryTag : uint8_t { kRead, kCache, kUpload, kReceive, kParked };
inline constexpr size_t kMemoryTags = 5;
const char* MemoryTagName(MemoryTag tag);

// Goes back to its pool when the last reference is gone.
class Block {
 public:
  static constexpr size_t kBytes = 256u << 10;

  std::byte* data() const { return data_; }
  std::span<std::byte> span() const { return {data_, kBytes}; }
  MemoryTag tag() const { return tag_; }

 private:
  friend class MemoryPool;
  friend class MemorySlabs;
  struct Return;
  std::byte* data_ = nullptr;
  uint32_t slab_ = 0;
  MemoryTag tag_ = MemoryTag::kRead;
};
using BlockRef = std::shared_ptr<Block>;

}  // namespace ossfs2
