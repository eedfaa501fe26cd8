// Limits of the service, as the operations keep them.
#pragma once

#include <cstddef>
#include <cstdint>

namespace ossfs2::server {

inline constexpr uint64_t kPutBytesMax = 5ull << 30;
inline constexpr uint64_t kPartBytesMin = 100ull << 10;       // of all parts but the last
inline constexpr uint64_t kCopyBytesMax = 5ull << 30;         // between buckets
inline constexpr uint64_t kClassChangeBytesMax = 1ull << 30;  // of a copy with another storage class
inline constexpr uint64_t kObjectBytesMax = 53'687'091'200'000ull;
inline constexpr int kPartsMax = 10000;
inline constexpr size_t kKeyBytesMax = 1023;
inline constexpr size_t kMetadataBytesMax = 8 << 10;
inline constexpr size_t kXmlBytesMax = 2 << 20;
// Our own: larger bodies get an ETag from their CRC, since MD5 takes more of the machine than receiving.
inline constexpr uint64_t kMd5BytesMax = 1 << 20;

}  // namespace ossfs2::server
