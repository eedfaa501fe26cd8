// Zeros to send without memory for them: spans over one block of zeros, and their checksum.
//
// Pure functions; the block lives for ever.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace ossfs2 {

// Appends spans of `count` zero bytes.
void AddZeroSpans(std::vector<std::span<const std::byte>>& spans, uint64_t count);
// The CRC64 of `count` zero bytes, in O(log count).
uint64_t ZeroCrc64(uint64_t count);

}  // namespace ossfs2
