#include "data/staging/staging_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <vector>

namespace ossfs2 {

Result<std::shared_ptr<StagingFile>> StagingFile::Open(StagingSpace& space) {
  Result<int> fd = space.OpenFile();
  if (!fd) return fd.error();
  return std::make_shared<StagingFile>(*fd);
}

StagingFile::~StagingFile() { close(fd_); }

Status StagingFile::Write(uint64_t offset, std::span<const std::byte> data) {
  while (!data.empty()) {
    const ssize_t written = pwrite(fd_, data.data(), data.size(), static_cast<off_t>(offset));
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return ErrnoError(written < 0 ? errno : ENOSPC, "write a staged file");
    offset += static_cast<uint64_t>(written);
    data = data.subspan(static_cast<size_t>(written));
  }
  return {};
}

Status StagingFile::Read(uint64_t offset, std::span<std::byte> out) const {
  while (!out.empty()) {
    const ssize_t got = pread(fd_, out.data(), out.size(), static_cast<off_t>(offset));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return ErrnoError(errno, "read a staged file");
    if (got == 0) {
      std::memset(out.data(), 0, out.size());
      return {};
    }
    offset += static_cast<uint64_t>(got);
    out = out.subspan(static_cast<size_t>(got));
  }
  return {};
}

StagingFile::Mapping::~Mapping() { munmap(address_, mapped_); }

Result<std::shared_ptr<const StagingFile::Mapping>> StagingFile::Map(uint64_t offset, uint64_t length) {
  // Pages beyond the end would be a SIGBUS: the hole up to there becomes part of the file.
  struct stat attributes {};
  if (fstat(fd_, &attributes) != 0) return ErrnoError(errno, "look at a staged file");
  if (static_cast<uint64_t>(attributes.st_size) < offset + length)
    OSSFS2_RETURN_IF_ERROR(Truncate(offset + length));
  const auto page = static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
  const uint64_t skip = offset % page;
  const size_t mapped = static_cast<size_t>(length + skip);
  void* address = mmap(nullptr, mapped, PROT_READ, MAP_SHARED, fd_, static_cast<off_t>(offset - skip));
  if (address == MAP_FAILED) return ErrnoError(errno, "map a staged file");
  return std::make_shared<const Mapping>(address, mapped, static_cast<size_t>(skip), static_cast<size_t>(length));
}

Status StagingFile::Truncate(uint64_t size) {
  if (ftruncate(fd_, static_cast<off_t>(size)) != 0) return ErrnoError(errno, "truncate a staged file");
  return {};
}

Status StagingFile::Punch(uint64_t offset, uint64_t length) {
  if (length == 0) return {};
  if (fallocate(fd_, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, static_cast<off_t>(offset),
                static_cast<off_t>(length)) == 0)
    return {};
  if (errno != EOPNOTSUPP && errno != ENOSYS) return ErrnoError(errno, "punch a hole into a staged file");
  // No holes on this disk: zeros are written, up to the file's end.
  const off_t end = lseek(fd_, 0, SEEK_END);
  const std::vector<std::byte> zeros(1u << 20);
  const uint64_t stop = std::min(offset + length, end < 0 ? 0 : static_cast<uint64_t>(end));
  while (offset < stop) {
    const size_t piece = static_cast<size_t>(std::min<uint64_t>(zeros.size(), stop - offset));
    OSSFS2_RETURN_IF_ERROR(Write(offset, std::span(zeros).first(piece)));
    offset += piece;
  }
  return {};
}

}  // namespace ossfs2
