#include "data/upload/upload_zeros.h"

#include <algorithm>
#include <array>

#include "base/values/crc64.h"

namespace ossfs2 {
namespace {
constexpr uint64_t kZeroBlockBytes = 1u << 20;
}

void AddZeroSpans(std::vector<std::span<const std::byte>>& spans, uint64_t count) {
  // Zero-initialised and never written: the pages are all the kernel's zero page.
  static const std::array<std::byte, kZeroBlockBytes> zeros{};
  while (count > 0) {
    const uint64_t piece = std::min(count, kZeroBlockBytes);
    spans.emplace_back(zeros.data(), static_cast<size_t>(piece));
    count -= piece;
  }
}

uint64_t ZeroCrc64(uint64_t count) {
  const std::byte zero{};
  uint64_t crc = 0;                             // of the zeros counted so far
  uint64_t power_crc = Crc64(0, &zero, 1);      // of `power` zeros
  for (uint64_t power = 1; count != 0; power <<= 1, count >>= 1) {
    if (count & 1) crc = Crc64Combine(crc, power_crc, power);
    power_crc = Crc64Combine(power_crc, power_crc, power);
  }
  return crc;
}

}  // namespace ossfs2
