// What other runs left in a journal folder: taken over when they ended, read when they live.
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <filesystem>
#include <system_error>
#include <thread>
#include <utility>

#include "base/report/log.h"
#include "base/values/str.h"
#include "data/journal/journal.h"
#include "data/journal/run_folder.h"

namespace ossfs2 {
namespace {

namespace files = std::filesystem;

// How long ReadLiveRuns has a lock, and more.
void PauseForReaders() { std::this_thread::sleep_for(std::chrono::milliseconds(20)); }

// Uploads, backups and unfinished versions of an earlier run may stay in the bucket.
void TellSkipped(const Error& error) {
  Log(LogLevel::kWarning,
      StrCat("what an earlier run left in the bucket cannot be looked for: ", error.text,
             ". Next: let the user of this mount read and write that folder and mount again, or run ossfs2 gc, which "
             "needs no journal"));
}

}  // namespace

std::vector<Journal::Left> Journal::TakeOver() { return TakeOver(PauseForReaders); }

std::vector<Journal::Left> Journal::TakeOver(const std::function<void()>& pause) {
  std::vector<Left> left;
  if (folder_.empty()) return left;
  MutexLock lock(mutex_);
  std::error_code ignored;
  std::vector<std::string> runs;
  const Result<std::vector<files::path>> paths = PathsIn(folder_);
  if (!paths) {
    if (paths.error().errno_value != ENOENT) TellSkipped(paths.error());
    return left;
  }
  for (const files::path& path : *paths) {
    if (!path.filename().string().starts_with(kRunFolderStart)) continue;
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
    } else {
      TellSkipped(fd.error());
    }
  }
  runs.swap(locked);
}

void Journal::TakeRecords(const std::string& run, std::vector<Left>& left) {
  const Result<std::vector<files::path>> records = RecordsIn(run);
  if (!records) return TellSkipped(records.error());
  for (const files::path& path : *records) {
    Result<JournalEntry> entry = ReadRecord(path.string());
    if (entry)
      left.push_back({path.string(), std::move(*entry)});
    else
      Log(LogLevel::kWarning,
          StrCat(path.string(), ": ", entry.error().text,
                 ". Next: run ossfs2 gc, which needs no journal, then remove this file"));
  }
  RemoveRunFolder(run);
}

void Journal::Settle(const std::string& path, OnDisk on_disk) {
  RemoveRecord(path, on_disk);
  RemoveRunFolder(files::path(path).parent_path().string());
}

Result<std::vector<JournalEntry>> ReadLiveRuns(const std::string& folder) {
  std::vector<JournalEntry> entries;
  const Result<std::vector<files::path>> runs = PathsIn(folder);
  if (!runs && runs.error().errno_value == ENOENT) return entries;
  if (!runs) return runs.error();
  for (const files::path& run : *runs) {
    if (!run.filename().string().starts_with(kRunFolderStart)) continue;
    const std::string lock = LockPath(run.string());
    const int fd = open(lock.c_str(), O_RDONLY | O_CLOEXEC);
    if (fd < 0 && (errno == ENOENT || errno == ENOTDIR)) continue;  // it has just ended, or is none
    if (fd < 0) return ErrnoError(errno, StrCat("look for who has ", lock));
    // Where locks are not known every run counts as one that lives: nothing of it may be taken for left behind.
    const bool live = flock(fd, LOCK_SH | LOCK_NB) != 0;
    close(fd);
    if (!live) continue;
    const Result<std::vector<files::path>> records = RecordsIn(run.string());
    if (!records && records.error().errno_value == ENOENT) continue;
    if (!records) return records.error();
    for (const files::path& path : *records) {
      Result<JournalEntry> entry = ReadRecord(path.string());
      if (entry) entries.push_back(std::move(*entry));  // else it has just ended
    }
  }
  return entries;
}

}  // namespace ossfs2
