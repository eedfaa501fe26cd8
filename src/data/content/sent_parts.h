// SentParts: the parts of a stream that were handed to its upload, by offset, and where their bytes can be read.
//
// A part that was sent is in memory as long as it is on its way; a copy is read from its source; zeros and parts that
// have arrived are gone from here until the upload is completed. The parts lie side by side, but for the place of
// a head that is sent last.
// Threads: the file's turn holder only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "data/object_version.h"
#include "data/upload/part_buffer.h"
#include "ossfs2/object_store.h"

namespace ossfs2 {

class SentParts {
 public:
  void AddBuffer(int number, const std::shared_ptr<PartBuffer>& buffer);
  void AddCopy(int number, uint64_t offset, uint64_t size, const ObjectVersion& source, uint64_t source_offset);
  void AddZeros(int number, uint64_t offset, uint64_t size);
  void Remove(int number);
  void RemoveFrom(int first_number);

  bool empty() const { return parts_.empty(); }
  // Where the last one ends; 0 when there is none.
  uint64_t end() const { return parts_.empty() ? 0 : parts_.back().offset + parts_.back().size; }
  // By offset, as the completion names them.
  std::vector<int> Numbers() const;
  size_t CountBelow(uint64_t offset) const;
  // All of them are copies and end at `offset` or before.
  bool AreCopiesUpTo(uint64_t offset) const;
  // Fills `out` from the part at `offset`, up to that part's end; how much that is. 0: gone from here.
  Result<size_t> Read(ObjectStore& store, uint64_t offset, std::span<std::byte> out) const;

 private:
  struct Part {
    int number = 0;
    uint64_t offset = 0;
    uint64_t size = 0;
    std::weak_ptr<PartBuffer> memory{};     // still here while it is on its way
    std::optional<ObjectVersion> source{};  // copies: where the bytes are
    uint64_t source_offset = 0;
  };

  std::vector<Part> parts_;
};

}  // namespace ossfs2
