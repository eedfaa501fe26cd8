#include "data/journal/journal.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <system_error>
#include <thread>

#include "base/log.h"
#include "base/str.h"

namespace ossfs2 {
namespace {

namespace files = std::filesystem;
constexpr char kRunStart[] = "run-";
constexpr char kLockName[] = "lock";
constexpr char kRecordSuffix[] = ".record";

// A record has a few KiB; what is larger was not written by us.
constexpr off_t kRecordBytesMax = 16 << 20;

// How long ReadLiveRuns has a lock, and more.
void PauseForReaders() { std::this_thread::sleep_for(std::chrono::milliseconds(20)); }

std::string LockPath(const std::string& run_folder) { return StrCat(run_folder, "/", kLockName); }

// An open descriptor that holds the run's lock. EWOULDBLOCK: another process has it.
Result<int> LockRun(const std::string& run_folder) {
  const int fd = open(LockPath(run_folder).c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0) return fd;
  const int error = errno;
  if (fd >= 0) close(fd);
  return ErrnoError(error, StrCat("lock the journal folder ", run_folder));
}

bool KnowsNoLocks(const Error& error) {
  return error.errno_value == ENOLCK || error.errno_value == EOPNOTSUPP || error.errno_value == ENOSYS ||
         error.errno_value == EINVAL;
}

// A program would take ENOENT or ENOTDIR for an answer about its own file.
Error OfTheDisk(Error error) {
  if (error.errno_value == ENOENT || error.errno_value == ENOTDIR) error.errno_value = EIO;
  return error;
}

// The paths in a folder; what of it cannot be read is left out.
std::vector<files::path> PathsIn(const std::string& folder) {
  std::vector<files::path> paths;
  std::error_code error;
  for (files::directory_iterator item(folder, error), end; !error && item != end; item.increment(error))
    paths.push_back(item->path());
  return paths;
}

void RemoveRunFolder(const std::string& run_folder) {
  for (const files::path& path : PathsIn(run_folder))
    if (path.extension() == kRecordSuffix) return;
  std::error_code ignored;
  files::remove_all(run_folder, ignored);
}

Error NoRecord(const char* why) {
  return MakeError(EIO, ErrorKind::kCorrupt, StrCat("a record of the upload journal is damaged: ", why));
}

// The text of a record. Errors: it is no file, or too large for one of ours, or the disk gives an error.
Result<std::string> ReadRecord(const std::string& path) {
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) return ErrnoError(errno, "a record of the upload journal cannot be read");
  struct stat info {};
  std::string text;
  Status status;
  if (fstat(fd, &info) != 0 || !S_ISREG(info.st_mode)) {
    status = NoRecord("not a file");
  } else if (info.st_size > kRecordBytesMax) {
    status = NoRecord("too large");
  } else {
    text.resize(static_cast<size_t>(info.st_size));
    const ssize_t got = read(fd, text.data(), text.size());
    if (got < 0) status = ErrnoError(errno, "a record of the upload journal cannot be read");
    text.resize(got < 0 ? 0 : static_cast<size_t>(got));
  }
  close(fd);
  if (!status) return status.error();
  return text;
}

}  // namespace

Journal::Journal(std::string folder, SyncFolder sync_folder)
    : folder_(std::move(folder)), sync_folder_(std::move(sync_folder)) {}

std::vector<Journal::Left> Journal::TakeOver() { return TakeOver(PauseForReaders); }

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
        StrCat(folder_, "/", kRunStart, getpid(), "-",
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
  if (Status written = Write(id, entry); !written) {
    End(id);
    return OfTheDisk(written.error());
  }
  return id;
}

Status Journal::Update(Id id, const JournalEntry& entry) {
  if (id == 0) return {};
  Status written = Write(id, entry);
  if (!written) return OfTheDisk(written.error());
  return written;
}

void Journal::End(Id id, bool durably) {
  if (id == 0) return;
  std::string path;
  {
    MutexLock lock(mutex_);
    path = PathOf(id);
  }
  RemoveRecord(path, durably);
  open_.fetch_sub(1, std::memory_order_relaxed);
}

void Journal::RemoveRecord(const std::string& path, bool durably) const {
  unlink(path.c_str());
  if (!durably) return;
  if (Status synced = Sync(files::path(path).parent_path().string()); !synced)
    LogLimited(LogLevel::kWarning, synced.error().text);
}

std::vector<Journal::Left> Journal::TakeOver(const std::function<void()>& pause) {
  std::vector<Left> left;
  if (folder_.empty()) return left;
  MutexLock lock(mutex_);
  std::error_code ignored;
  std::vector<std::string> runs;
  for (const files::path& path : PathsIn(folder_)) {
    if (!path.filename().string().starts_with(kRunStart)) continue;
    if (files::is_directory(path, ignored) && path != run_folder_) runs.push_back(path.string());
  }
  TakeOverEnded(runs, left);
  if (runs.empty()) return left;
  // Alive, or ended and looked at by ReadLiveRuns just now.
  pause();
  TakeOverEnded(runs, left);
  return left;
}

void Journal::TakeOverEnded(std::vector<std::string>& runs, std::vector<Left>& left) {
  std::vector<std::string> locked;
  for (std::string& run : runs) {
    const Result<int> fd = LockRun(run);
    if (fd) {
      taken_locks_.push_back(*fd);
      TakeRecords(run, left);
    } else if (fd.error().errno_value == EWOULDBLOCK) {
      locked.push_back(std::move(run));
    }
  }
  runs.swap(locked);
}

void Journal::TakeRecords(const std::string& run, std::vector<Left>& left) {
  for (const files::path& path : PathsIn(run)) {
    if (path.extension() != kRecordSuffix) continue;
    const Result<std::string> text = ReadRecord(path.string());
    Result<JournalEntry> entry = text ? DecodeJournalEntry(*text) : text.error();
    if (entry)
      left.push_back({path.string(), std::move(*entry)});
    else
      Log(LogLevel::kWarning,
          StrCat(path.string(), ": ", entry.error().text,
                 ". Next: run ossfs2 gc, which needs no journal, then remove this file"));
  }
  RemoveRunFolder(run);
}

void Journal::Settle(const std::string& path, bool durably) {
  RemoveRecord(path, durably);
  RemoveRunFolder(files::path(path).parent_path().string());
}

std::vector<JournalEntry> ReadLiveRuns(const std::string& folder) {
  std::vector<JournalEntry> entries;
  for (const files::path& run : PathsIn(folder)) {
    const int fd = open(LockPath(run.string()).c_str(), O_RDONLY | O_CLOEXEC);
    if (fd < 0) continue;
    // Where locks are not known every run counts as one that lives: nothing of it may be taken for left behind.
    const bool live = flock(fd, LOCK_SH | LOCK_NB) != 0;
    close(fd);
    if (!live) continue;
    for (const files::path& path : PathsIn(run.string())) {
      if (path.extension() != kRecordSuffix) continue;
      const Result<std::string> text = ReadRecord(path.string());
      Result<JournalEntry> entry = text ? DecodeJournalEntry(*text) : text.error();
      if (entry) entries.push_back(std::move(*entry));  // else it has just ended
    }
  }
  return entries;
}

}  // namespace ossfs2
