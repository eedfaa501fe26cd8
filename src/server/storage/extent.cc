#include "server/storage/extent.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/values/crc64.h"
#include "server/storage/synthetic.h"

namespace ossfs2::server {
namespace {

Result<uint64_t> CrcOf(const Extent& extent) {
  if (extent.blob->kind() == BlobKind::kPattern) return PatternCrc64(extent.offset, extent.size);
  ExtentFile file(extent);
  if (file.fd() < 0) return ErrnoError(errno, "open stored data for its CRC");
  std::vector<char> buffer(std::min<uint64_t>(extent.size, 1 << 20));
  uint64_t crc = 0;
  for (uint64_t at = 0; at < extent.size;) {
    const size_t want = static_cast<size_t>(std::min<uint64_t>(buffer.size(), extent.size - at));
    const ssize_t n = ::pread(file.fd(), buffer.data(), want, static_cast<off_t>(file.FileOffset(at)));
    if (n <= 0) return ErrnoError(n < 0 ? errno : EIO, "read stored data for its CRC");
    crc = Crc64(crc, buffer.data(), static_cast<size_t>(n));
    at += static_cast<uint64_t>(n);
  }
  return crc;
}

}  // namespace

std::vector<Extent> SliceExtents(const std::vector<Extent>& all, uint64_t offset, uint64_t size) {
  std::vector<Extent> out;
  uint64_t start = 0;
  const uint64_t end = offset + size;
  for (const Extent& extent : all) {
    const uint64_t from = std::max(offset, start);
    const uint64_t to = std::min(end, start + extent.size);
    if (from < to) {
      Extent part = extent;
      part.offset += from - start;
      part.size = to - from;
      if (part.size != extent.size) part.crc_known = false;
      out.push_back(std::move(part));
    }
    start += extent.size;
    if (start >= end) break;
  }
  return out;
}

Result<uint64_t> CompleteCrcs(std::vector<Extent>& extents) {
  uint64_t whole = 0;
  for (Extent& extent : extents) {
    if (!extent.crc_known) {
      auto crc = CrcOf(extent);
      if (!crc) return crc.error();
      extent.crc64 = *crc;
      extent.crc_known = true;
    }
    whole = Crc64Combine(whole, extent.crc64, extent.size);
  }
  return whole;
}

ExtentFile::ExtentFile(const Extent& extent) : extent_(extent) {
  fd_ = extent.blob->store()->OpenForReading(*extent.blob, owned_);
}

ExtentFile::~ExtentFile() {
  if (owned_ && fd_ >= 0) ::close(fd_);
}

uint64_t ExtentFile::FileOffset(uint64_t at) const {
  const uint64_t offset = extent_.offset + at;
  return extent_.blob->kind() == BlobKind::kPattern ? offset % kPatternBytes : offset;
}

uint64_t ExtentFile::RunBytes(uint64_t at) const {
  const uint64_t left = extent_.size - at;
  if (extent_.blob->kind() != BlobKind::kPattern) return left;
  return std::min(left, kPatternBytes - FileOffset(at));
}

}  // namespace ossfs2::server
