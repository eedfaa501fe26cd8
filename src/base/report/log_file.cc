#include "base/report/log_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "base/values/str.h"

namespace ossfs2 {
namespace {

// Looking costs a microsecond; a debug log has thousands of lines a second.
constexpr std::chrono::seconds kLookInterval{1};

// A file under the name, new or old, that not everybody may read: logs hold paths of users.
Result<int> OpenLog(const std::string& path) {
  const int fd = open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY, 0640);
  if (fd < 0) return ErrnoError(errno, StrCat("log file ", path));
  struct stat info {};
  if (fstat(fd, &info) == 0 && (info.st_mode & 0027) != 0) (void)fchmod(fd, info.st_mode & 0750);
  return fd;
}

}  // namespace

Result<std::unique_ptr<LogFile>> LogFile::Open(const std::string& path, Limits limits) {
  const Result<int> fd = OpenLog(path);
  if (!fd) return fd.error();
  return std::unique_ptr<LogFile>(new LogFile(path, limits, *fd));
}

LogFile::LogFile(std::string path, Limits limits, int fd)
    : path_(std::move(path)), limits_(limits), fd_(fd), looked_at_(std::chrono::steady_clock::now()) {
  MutexLock lock(mutex_);
  (void)IsInPlace();
}

LogFile::~LogFile() { close(fd_); }

// "ossfs2.log": "ossfs2.1.log". A name without an extension gets the number at its end.
std::string LogFile::NameOfOlder(int number) const {
  const size_t slash = path_.find_last_of('/');
  const size_t dot = path_.find_last_of('.');
  const size_t first = slash == std::string::npos ? 0 : slash + 1;
  const size_t at = dot == std::string::npos || dot <= first ? path_.size() : dot;
  return StrCat(path_.substr(0, at), ".", number, path_.substr(at));
}

bool LogFile::IsInPlace() {
  struct stat opened {
  }, named{};
  if (fstat(fd_, &opened) != 0) return false;
  size_bytes_ = static_cast<uint64_t>(opened.st_size);
  return lstat(path_.c_str(), &named) == 0 && named.st_ino == opened.st_ino && named.st_dev == opened.st_dev;
}

Status LogFile::MakeAgain() {
  const size_t slash = path_.find_last_of('/');
  if (slash != std::string::npos && slash > 0) (void)mkdir(path_.substr(0, slash).c_str(), 0750);
  struct stat named {};
  // As at the start: what somebody put there is not followed.
  if (lstat(path_.c_str(), &named) == 0 && !S_ISREG(named.st_mode))
    return MakeError(EACCES, ErrorKind::kInvalid,
                     StrCat("log file ", path_, " is a link or not a file; remove it"));
  const Result<int> fd = OpenLog(path_);
  if (!fd) return fd.error();
  close(fd_);
  fd_ = *fd;
  is_line_cut_ = false;
  (void)IsInPlace();
  return {};
}

Status LogFile::Reopen() {
  MutexLock lock(mutex_);
  looked_at_ = std::chrono::steady_clock::now();
  return IsInPlace() ? Status() : MakeAgain();
}

void LogFile::Rotate() {
  if (!IsInPlace()) {  // moved already, by us or by another
    (void)MakeAgain();
    return;
  }
  bool is_moved = limits_.count_max > 1;
  for (int number = limits_.count_max - 1; number > 1; --number)
    (void)rename(NameOfOlder(number - 1).c_str(), NameOfOlder(number).c_str());  // there may be none yet
  if (is_moved) is_moved = rename(path_.c_str(), NameOfOlder(1).c_str()) == 0;
  if (is_moved || !IsInPlace()) {  // another was faster: what it moved is its to keep
    (void)MakeAgain();
    return;
  }
  // One file is all there may be, or the folder is closed: the bound on the disk counts more than old lines.
  if (ftruncate(fd_, 0) == 0) {
    size_bytes_ = 0;
    is_line_cut_ = false;
  }
}

bool LogFile::WriteAll(std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = write(fd_, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) {
      lost_error_ = written < 0 ? errno : ENOSPC;
      return false;
    }
    size_bytes_ += static_cast<uint64_t>(written);
    text.remove_prefix(static_cast<size_t>(written));
    is_line_cut_ = !text.empty();
  }
  return true;
}

std::string LogFile::LossLine() const {
  if (lost_lines_ == 0) return is_line_cut_ ? "\n" : "";
  const std::string text =
      StrCat(lost_lines_, " lines of the log were lost here: ", std::string_view(strerror(lost_error_)));
  return StrCat(is_line_cut_ ? "\n" : "", limits_.json ? R"({"level":"warning","text":")" : "", text,
                limits_.json ? "\"}\n" : "\n");
}

void LogFile::Write(std::string_view line) {
  MutexLock lock(mutex_);
  const auto now = std::chrono::steady_clock::now();
  if (now - looked_at_ >= kLookInterval) {
    looked_at_ = now;
    if (!IsInPlace()) (void)MakeAgain();
  }
  if (size_bytes_ > 0 && size_bytes_ + line.size() > limits_.size_bytes_max) Rotate();
  const std::string before = LossLine();
  const bool is_told = WriteAll(before);
  if (is_told) lost_lines_ = 0;
  if (!is_told || !WriteAll(line)) ++lost_lines_;
}

}  // namespace ossfs2
