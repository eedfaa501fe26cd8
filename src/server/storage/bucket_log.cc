#include "server/storage/bucket_log.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "base/values/crc64.h"
#include "base/values/str.h"

namespace ossfs2::server {
namespace {

struct Frame {
  uint32_t size = 0;
  uint32_t check = 0;
};

uint32_t CheckOf(std::string_view payload) {
  return static_cast<uint32_t>(Crc64(0, payload.data(), payload.size()));
}

// Replays the whole frames; returns their bytes.
size_t Replay(std::string_view all, const std::function<bool(std::string_view)>& replay, uint64_t& changes) {
  size_t at = 0;
  while (all.size() - at >= sizeof(Frame)) {
    Frame frame;
    std::memcpy(&frame, all.data() + at, sizeof(frame));
    if (frame.size > all.size() - at - sizeof(frame)) break;
    const std::string_view payload = all.substr(at + sizeof(frame), frame.size);
    if (CheckOf(payload) != frame.check || !replay(payload)) break;
    at += sizeof(frame) + frame.size;
    ++changes;
  }
  return at;
}

}  // namespace

BucketLog::~BucketLog() {
  if (fd_ >= 0) ::close(fd_);
  if (old_fd_ >= 0) ::close(old_fd_);
}

Status BucketLog::Open(const std::string& path, const std::function<bool(std::string_view)>& replay) {
  path_ = path;
  fd_ = ::open(path.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  struct stat info {};
  if (fd_ < 0 || ::fstat(fd_, &info) != 0) return ErrnoError(errno, StrCat("open ", path));
  if (info.st_size == 0) return {};
  const size_t size = static_cast<size_t>(info.st_size);
  void* memory = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE | MAP_POPULATE, fd_, 0);
  if (memory == MAP_FAILED) return ErrnoError(errno, StrCat("map ", path));
  const size_t whole = Replay(std::string_view(static_cast<const char*>(memory), size), replay, changes_);
  ::munmap(memory, size);
  if (whole < size && ::ftruncate(fd_, static_cast<off_t>(whole)) != 0) {
    return ErrnoError(errno, StrCat("cut the torn end of ", path));
  }
  return {};
}

Status BucketLog::Append(std::string_view payload) {
  const Frame frame{static_cast<uint32_t>(payload.size()), CheckOf(payload)};
  std::string bytes(reinterpret_cast<const char*>(&frame), sizeof(frame));
  bytes.append(payload);
  const off_t before = ::lseek(fd_, 0, SEEK_END);
  const ssize_t n = ::write(fd_, bytes.data(), bytes.size());
  if (n == static_cast<ssize_t>(bytes.size())) {
    ++changes_;
    return {};
  }
  const int reason = n < 0 ? errno : ENOSPC;
  // What lies beyond a torn change would never be replayed.
  if (::ftruncate(fd_, before) != 0) return ErrnoError(errno, StrCat("repair ", path_));
  return ErrnoError(reason, StrCat("write ", path_));
}

Status BucketLog::BeginRewrite() {
  const std::string path = StrCat(path_, ".new");
  const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0600);
  if (fd < 0) return ErrnoError(errno, StrCat("create ", path));
  old_fd_ = fd_;
  fd_ = fd;
  old_changes_ = changes_;
  changes_ = 0;
  return {};
}

void BucketLog::CancelRewrite() {
  ::close(fd_);
  fd_ = old_fd_;
  old_fd_ = -1;
  changes_ = old_changes_;
}

Status BucketLog::FinishRewrite() {
  const std::string path = StrCat(path_, ".new");
  if (::rename(path.c_str(), path_.c_str()) != 0) return ErrnoError(errno, StrCat("rename ", path));
  ::close(old_fd_);
  old_fd_ = -1;
  return {};
}

}  // namespace ossfs2::server
