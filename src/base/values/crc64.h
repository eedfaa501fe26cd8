// CRC-64/XZ (ECMA-182, reflected), the x-oss-hash-crc64ecma of OSS, by ISA-L.
//
// Check value of "123456789" is 0x995DC9BBDF1939FA; of nothing, 0. Pure functions.
#pragma once

#include <cstddef>
#include <cstdint>

namespace ossfs2 {

// Crc64(Crc64(0, A), B) is the CRC of A followed by B.
uint64_t Crc64(uint64_t previous, const void* data, size_t size_bytes);

// The CRC of A followed by B from the CRCs of both and the length of B, in O(log length).
uint64_t Crc64Combine(uint64_t crc_a, uint64_t crc_b, uint64_t length_b_bytes);

}  // namespace ossfs2
