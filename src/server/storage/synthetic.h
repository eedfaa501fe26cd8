// Synthetic objects: bytes derived from the offset, of any size, without storage.
//
// One pattern of kPatternBytes lies in a memfd: its word i (8 bytes, little-endian, i from 0) is
// (i + 1) * 0x9E3779B97F4A7C15. The byte at offset o of the object made by --synthetic KEY=SIZE is the
// pattern's byte (o + PatternPhase(KEY)) mod kPatternBytes. The period is 1031 pages, a prime, so that a
// mix-up of chunks of the usual sizes shows. With xCOUNT all objects have the bytes of KEY. Threads: any.
#pragma once

#include <cstdint>
#include <string_view>

namespace ossfs2::server {

inline constexpr uint64_t kPatternBytes = 1031 * 4096;

// The memfd; made at the first call, lives for ever. -1 when the system has no memory for it.
int PatternFile();
// FNV-1a (64 bits) of the key mod 1031, in pages.
uint64_t PatternPhase(std::string_view key);
// CRC-64 of `size` bytes of the endless pattern from `offset` on; O(kPatternBytes) for any size.
uint64_t PatternCrc64(uint64_t offset, uint64_t size);

}  // namespace ossfs2::server
