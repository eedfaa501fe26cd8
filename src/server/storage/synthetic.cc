#include "server/storage/synthetic.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <vector>

#include "base/values/crc64.h"

namespace ossfs2::server {
namespace {

const std::vector<uint64_t>& Words() {
  static const std::vector<uint64_t> words = [] {
    std::vector<uint64_t> made(kPatternBytes / 8);
    for (uint64_t i = 0; i < made.size(); ++i) made[i] = (i + 1) * 0x9E3779B97F4A7C15ull;
    return made;
  }();
  return words;
}

int MakePatternFile() {
  const int fd = ::memfd_create("ossfs2-pattern", MFD_CLOEXEC);
  if (fd < 0) return -1;
  const char* bytes = reinterpret_cast<const char*>(Words().data());
  for (uint64_t done = 0; done < kPatternBytes;) {
    const ssize_t n = ::write(fd, bytes + done, kPatternBytes - done);
    if (n <= 0) return ::close(fd), -1;
    done += static_cast<uint64_t>(n);
  }
  return fd;
}

// At most one period.
uint64_t CrcWithin(uint64_t offset, uint64_t size) {
  const char* bytes = reinterpret_cast<const char*>(Words().data());
  const uint64_t start = offset % kPatternBytes;
  const uint64_t first = std::min(size, kPatternBytes - start);
  return Crc64(Crc64(0, bytes + start, first), bytes, size - first);
}

}  // namespace

int PatternFile() {
  static const int fd = MakePatternFile();
  return fd;
}

uint64_t PatternPhase(std::string_view key) {
  uint64_t hash = 0xcbf29ce484222325ull;
  for (const char c : key) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3ull;
  return hash % 1031 * 4096;
}

uint64_t PatternCrc64(uint64_t offset, uint64_t size) {
  uint64_t periods = size / kPatternBytes;
  uint64_t total = 0;  // of the periods taken so far, lowest bit first
  uint64_t unit = CrcWithin(offset, kPatternBytes);
  uint64_t unit_bytes = kPatternBytes;
  for (; periods > 0; periods >>= 1) {
    if (periods & 1) total = Crc64Combine(total, unit, unit_bytes);
    unit = Crc64Combine(unit, unit, unit_bytes);
    unit_bytes *= 2;
  }
  const uint64_t rest = size % kPatternBytes;
  return Crc64Combine(total, CrcWithin(offset, rest), rest);
}

}  // namespace ossfs2::server
