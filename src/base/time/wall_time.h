// WallNs: a date that somebody else chose (utimensat, the bucket's Last-Modified), as nanoseconds since 1970.
//
// 64 bits hold the years 1678 to 2262. A date beyond that becomes the nearest kept one, as local file systems do with
// times out of their range; the bound is also that of stored times (fs/shared/attributes.h), so what is shown can be
// stored.
#pragma once

#include <algorithm>
#include <cstdint>

namespace ossfs2 {

inline constexpr int64_t kNsPerSecond = 1'000'000'000;
inline constexpr int64_t kWallSecondsMax = 9'000'000'000;  // in the year 2255

// `nanoseconds`: 0 to 999,999,999, added also before 1970.
constexpr int64_t WallNs(int64_t seconds, int64_t nanoseconds = 0) {
  return std::clamp(seconds, -kWallSecondsMax, kWallSecondsMax) * kNsPerSecond + nanoseconds;
}

}  // namespace ossfs2
