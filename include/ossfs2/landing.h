// Landing: memory into which a frontend receives the bytes of one write, so that the writer can keep the
// memory instead of copying the bytes out of it.
//
// It is an ordered row of pieces of kPieceBytes each; a write fills them from the front. A piece that the writer
// has kept is missing until Refill. The memory is the file system's and counts in its budget (tag "receive").
// The same form have the bytes of a write that had to wait (FetchLanding); pieces behind its end are missing.
// Threads: one at a time. The FileSystem that made it lives longer.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <span>

#include "ossfs2/status.h"

namespace ossfs2 {

class Landing {
 public:
  static constexpr size_t kPieces = 4;
  static constexpr size_t kPieceBytes = 256u << 10;
  static constexpr size_t kBytes = kPieces * kPieceBytes;  // the most that one WRITE of the kernel carries

  virtual ~Landing() = default;
  // Empty when the piece is missing.
  virtual std::span<std::byte> Piece(size_t index) const = 0;
  // Replaces what is missing. False: no memory to spare now; the landing should be given up.
  virtual bool Refill() = 0;
};

// Brings the bytes of a write that waited into memory, once; it may read from a disk.
using FetchLanding = std::function<Result<std::shared_ptr<Landing>>()>;

}  // namespace ossfs2
