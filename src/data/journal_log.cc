#include "data/journal_log.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <system_error>

#include "base/log.h"
#include "base/str.h"

namespace ossfs2 {
namespace {

namespace files = std::filesystem;
constexpr char kLockName[] = "lock";
constexpr char kRecordSuffix[] = ".record";

// An open descriptor that holds the run's lock, or -1.
int LockRun(const std::string& run_folder) {
  const int fd = open(StrCat(run_folder, "/", kLockName).c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0) return fd;
  if (fd >= 0) close(fd);
  return -1;
}

void RemoveRunFolder(const std::string& run_folder) {
  std::error_code ignored;
  for (const auto& item : files::directory_iterator(run_folder, ignored))
    if (item.path().extension() == kRecordSuffix) return;
  files::remove_all(run_folder, ignored);
}

}  // namespace

Journal::Journal(std::string folder) : folder_(std::move(folder)) {}

Journal::~Journal() {
  MutexLock lock(mutex_);
  if (!run_folder_.empty()) RemoveRunFolder(run_folder_);
  if (lock_fd_ >= 0) close(lock_fd_);
  for (const int fd : taken_locks_) close(fd);
}

Status Journal::MakeRunFolder() {
  if (!run_folder_.empty()) return {};
  std::error_code error;
  files::create_directories(folder_, error);
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  for (int attempt = 0; attempt < 100; ++attempt) {
    const std::string path = StrCat(folder_, "/run-", getpid(), "-",
                                    std::chrono::duration_cast<std::chrono::microseconds>(now).count() + attempt);
    if (mkdir(path.c_str(), 0700) != 0) {
      if (errno == EEXIST) continue;
      return ErrnoError(errno, StrCat("make the journal folder ", path));
    }
    lock_fd_ = LockRun(path);
    run_folder_ = path;
    return {};
  }
  return MakeError(EIO, ErrorKind::kOther, StrCat("no free name for a run in the journal folder ", folder_));
}

std::string Journal::PathOf(Id id) const { return StrCat(run_folder_, "/", id, kRecordSuffix); }

Status Journal::WriteRecord(const std::string& path, const JournalEntry& entry) {
  const std::string temporary = path + ".new";
  const std::string text = EncodeJournalEntry(entry);
  const int fd = open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (fd < 0) return ErrnoError(errno, StrCat("write the journal record ", path));
  bool good = write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size());
  if (good && entry.kind == JournalKind::kProvisional) good = fdatasync(fd) == 0;
  const int error = errno;
  close(fd);
  if (!good) return ErrnoError(error, StrCat("write the journal record ", path));
  if (rename(temporary.c_str(), path.c_str()) != 0)
    return ErrnoError(errno, StrCat("write the journal record ", path));
  return {};
}

Result<Journal::Id> Journal::Begin(const JournalEntry& entry) {
  if (folder_.empty()) return Id{0};
  Id id = 0;
  std::string path;
  {
    MutexLock lock(mutex_);
    OSSFS2_RETURN_IF_ERROR(MakeRunFolder());
    id = next_++;
    path = PathOf(id);
  }
  OSSFS2_RETURN_IF_ERROR(WriteRecord(path, entry));
  open_.fetch_add(1, std::memory_order_relaxed);
  return id;
}

Status Journal::Update(Id id, const JournalEntry& entry) {
  if (id == 0) return {};
  std::string path;
  {
    MutexLock lock(mutex_);
    path = PathOf(id);
  }
  return WriteRecord(path, entry);
}

void Journal::End(Id id) {
  if (id == 0) return;
  MutexLock lock(mutex_);
  unlink(PathOf(id).c_str());
  open_.fetch_sub(1, std::memory_order_relaxed);
}

std::vector<Journal::Left> Journal::TakeOver() {
  std::vector<Left> left;
  if (folder_.empty()) return left;
  MutexLock lock(mutex_);
  std::error_code ignored;
  for (const auto& run : files::directory_iterator(folder_, ignored)) {
    if (!run.is_directory(ignored) || run.path() == run_folder_) continue;
    const int fd = LockRun(run.path().string());
    if (fd < 0) continue;  // that run is alive
    taken_locks_.push_back(fd);
    for (const auto& item : files::directory_iterator(run.path(), ignored)) {
      if (item.path().extension() != kRecordSuffix) continue;
      std::ifstream in(item.path(), std::ios::binary);
      const std::string text(std::istreambuf_iterator<char>(in), {});
      Result<JournalEntry> entry = DecodeJournalEntry(text);
      if (entry)
        left.push_back({item.path().string(), std::move(*entry)});
      else
        Log(LogLevel::kWarning, StrCat(item.path().string(), ": ", entry.error().text));
    }
    RemoveRunFolder(run.path().string());
  }
  return left;
}

void Journal::Settle(const std::string& path) {
  unlink(path.c_str());
  RemoveRunFolder(files::path(path).parent_path().string());
}

}  // namespace ossfs2
