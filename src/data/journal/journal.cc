#include "data/journal/journal.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <filesystem>
#include <system_error>

#include "base/report/log.h"
#include "base/values/str.h"
#include "data/journal/run_folder.h"

namespace ossfs2 {
namespace {

namespace files = std::filesystem;

bool KnowsNoLocks(const Error& error) {
  return error.errno_value == ENOLCK || error.errno_value == EOPNOTSUPP || error.errno_value == ENOSYS ||
         error.errno_value == EINVAL;
}

// A program would take ENOENT or ENOTDIR for an answer about its own file.
Error OfTheDisk(Error error) {
  if (error.errno_value == ENOENT || error.errno_value == ENOTDIR) error.errno_value = EIO;
  return error;
}

}  // namespace

Journal::Journal(std::string folder, SyncFolder sync_folder)
    : folder_(std::move(folder)), sync_folder_(std::move(sync_folder)) {}

Journal::~Journal() {
  MutexLock lock(mutex_);
  if (!run_folder_.empty()) RemoveRunFolder(run_folder_);
  if (lock_fd_ >= 0) close(lock_fd_);
  for (const int fd : taken_locks_) close(fd);
}

// With the lock taken, so that nobody takes a live run for one that ended.
Status Journal::MakeLockedFolder(const std::string& path) {
  if (mkdir(path.c_str(), 0700) != 0) return ErrnoError(errno, StrCat("make the journal folder ", path));
  Result<int> locked = LockRun(path);
  if (!locked && !KnowsNoLocks(locked.error())) {
    if (locked.error().errno_value != EWOULDBLOCK) rmdir(path.c_str());
    return locked.error();
  }
  // Without locks no run is ever taken over.
  lock_fd_ = locked ? *locked : -1;
  run_folder_ = path;
  // The names of the folders, which may be new, too: without them the records in them would be gone.
  const files::path parent = files::path(folder_).parent_path();
  for (const std::string& folder : {folder_, parent.empty() ? std::string(".") : parent.string()})
    if (Status synced = Sync(folder); !synced) LogLimited(LogLevel::kWarning, synced.error().text);
  return {};
}

// What was made, renamed or removed in the folder is on disk.
Status Journal::Sync(const std::string& folder) const {
  const int fd = open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return ErrnoError(errno, StrCat("sync the journal folder ", folder));
  const int result = sync_folder_(fd);
  const int error = errno;
  close(fd);
  // Some file systems cannot; then nothing better is to be had.
  if (result == 0 || error == EINVAL || error == EOPNOTSUPP || error == ENOSYS) return {};
  return ErrnoError(error, StrCat("sync the journal folder ", folder));
}

Status Journal::MakeRunFolder() {
  if (!run_folder_.empty()) return {};
  std::error_code ignored;
  files::create_directories(folder_, ignored);  // the next step tells what is wrong
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  for (int attempt = 0; attempt < 100; ++attempt) {
    const std::string path =
        StrCat(folder_, "/", kRunFolderStart, getpid(), "-",
               std::chrono::duration_cast<std::chrono::microseconds>(now).count() + attempt);
    Status made = MakeLockedFolder(path);
    if (made) return {};
    // Another process may look at a folder before its lock is taken.
    if (made.error().errno_value != EEXIST && made.error().errno_value != EWOULDBLOCK) return made;
  }
  return MakeError(EIO, ErrorKind::kOther, StrCat("no free name for a run in the journal folder ", folder_));
}

// Somebody removed the folder of this run: records of what is open now are lost, those of later uploads need
// not be.
Status Journal::MakeRunFolderAgain() {
  struct stat held {
  }, named{};
  if (lock_fd_ >= 0 && fstat(lock_fd_, &held) == 0 && stat(LockPath(run_folder_).c_str(), &named) == 0 &&
      held.st_ino == named.st_ino && held.st_dev == named.st_dev)
    return {};  // another thread made it
  std::error_code ignored;
  files::create_directories(folder_, ignored);
  const int old_lock = std::exchange(lock_fd_, -1);
  Status made = MakeLockedFolder(run_folder_);
  if (made)
    Log(LogLevel::kWarning, StrCat("the journal folder ", run_folder_, " was removed; it is made again"));
  if (old_lock >= 0) close(old_lock);
  return made;
}

std::string Journal::PathOf(Id id) const { return StrCat(run_folder_, "/", id, kRecordSuffix); }

Status Journal::WriteRecord(const std::string& path, const JournalEntry& entry) const {
  const std::string temporary = path + ".new";
  const std::string text = EncodeJournalEntry(entry);
  const int fd = open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (fd < 0) return ErrnoError(errno, StrCat("write the journal record ", path));
  errno = ENOSPC;  // when less than all was written
  bool good = write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size());
  if (good && entry.kind == JournalKind::kProvisional) good = fdatasync(fd) == 0;
  const int error = errno;
  close(fd);
  if (!good) {
    unlink(temporary.c_str());
    return ErrnoError(error, StrCat("write the journal record ", path));
  }
  if (rename(temporary.c_str(), path.c_str()) != 0)
    return ErrnoError(errno, StrCat("write the journal record ", path));
  return entry.kind == JournalKind::kProvisional ? Sync(files::path(path).parent_path().string()) : Status();
}

Status Journal::Write(Id id, const JournalEntry& entry) {
  std::string path;
  {
    MutexLock lock(mutex_);
    path = PathOf(id);
  }
  Status written = WriteRecord(path, entry);
  if (written || written.error().errno_value != ENOENT) return written;
  {
    MutexLock lock(mutex_);
    OSSFS2_RETURN_IF_ERROR(MakeRunFolderAgain());
  }
  return WriteRecord(path, entry);
}

Result<Journal::Id> Journal::Begin(const JournalEntry& entry) {
  if (folder_.empty()) return Id{0};
  Id id = 0;
  {
    MutexLock lock(mutex_);
    if (Status made = MakeRunFolder(); !made) return OfTheDisk(made.error());
    id = next_++;
  }
  open_.fetch_add(1, std::memory_order_relaxed);
  Status written = Write(id, entry);
  if (written || WriteName(id, entry)) return id;
  End(id);
  return OfTheDisk(written.error());
}

bool Journal::WriteName(Id id, const JournalEntry& entry) {
  const std::optional<std::string> name = NameOfCopy(entry);
  if (!name) return false;
  MutexLock lock(mutex_);
  const std::string path = StrCat(run_folder_, "/", id, "-", *name, kRecordSuffix);
  const int fd = open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0) return false;
  close(fd);
  named_.emplace(id, path);
  if (Sync(run_folder_)) return true;
  unlink(path.c_str());
  named_.erase(id);
  return false;
}

Status Journal::Update(Id id, const JournalEntry& entry) {
  if (id == 0) return {};
  Status written = Write(id, entry);
  if (!written) return OfTheDisk(written.error());
  return written;
}

void Journal::End(Id id, OnDisk on_disk) {
  if (id == 0) return;
  std::string path;
  {
    MutexLock lock(mutex_);
    const auto named = named_.extract(id);
    path = named ? named.mapped() : PathOf(id);
  }
  RemoveRecord(path, on_disk);
  open_.fetch_sub(1, std::memory_order_relaxed);
}

void Journal::RemoveRecord(const std::string& path, OnDisk on_disk) const {
  unlink(path.c_str());
  if (on_disk != OnDisk::kNow) return;
  if (Status synced = Sync(files::path(path).parent_path().string()); !synced)
    LogLimited(LogLevel::kWarning, synced.error().text);
}

}  // namespace ossfs2
