// ReadReply: the answer to a read: the bytes where they lie, so that a frontend hands them on without a copy; and
// ReadInto, which says where they go from there.
//
// Ownership: the memory is the file system's and counts in its budget until the last copy of `pin` is gone.
// Threads: a value. ReadDone runs once, on any thread, and must not block.
// Errors: those of the read; docs/semantics.md lists them.
#pragma once

#include <sys/uio.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "ossfs2/status.h"

namespace ossfs2 {

// Whether the kernel keeps what a read gives it, for all who read or map the file, or passes it to one program
// (O_DIRECT, direct_io; a map of a direct_io file reads through the page cache all the same).
enum class ReadInto : uint8_t { kPageCache, kProgram };

struct ReadReply {
  std::vector<iovec> parts;         // in the order of the file
  size_t bytes = 0;                 // sum of the parts; short at the end of the file
  std::shared_ptr<const void> pin;  // keeps the memory until dropped
};
using ReadDone = std::function<void(Result<ReadReply>)>;

}  // namespace ossfs2
