// Journal: what a crash would leave in the bucket, written down before it is there.
//
// A folder for each run (named by process and time, locked by flock while the run lives) with one
// small file for each open upload or provisional publication. A record is replaced by rename, so
// it is whole or old. Records of provisional publications are on disk before the bucket is changed, and so is their
// name, which needs its folder to be synced after the rename; those of uploads are not: a power cut may leave a stale
// upload, which `gc` ends.
// A folder that was removed meanwhile is made again. Begin and Update fail when the disk is full or refuses to write;
// whether that matters is the caller's to say. A record of a copy that must only go fits on a full disk too, as a name.
// Without a folder every call does nothing. Thread-safe.
#pragma once

#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "base/threads/mutex.h"
#include "data/journal/journal_entry.h"

namespace ossfs2 {

class Journal {
 public:
  using Id = uint64_t;  // 0: no record

  // As fsync(2): 0, or -1 and errno. Tests look at when it is called.
  using SyncFolder = std::function<int(int fd)>;

  explicit Journal(std::string folder, SyncFolder sync_folder = fsync);
  ~Journal();
  Journal(const Journal&) = delete;
  Journal& operator=(const Journal&) = delete;

  // A new record; its id.
  Result<Id> Begin(const JournalEntry& entry) EXCLUDES(mutex_);
  Status Update(Id id, const JournalEntry& entry) EXCLUDES(mutex_);
  // kNow: the record must not come back after a power cut.
  enum class OnDisk : uint8_t { kSometime, kNow };
  void End(Id id, OnDisk on_disk = OnDisk::kSometime) EXCLUDES(mutex_);

  struct Left {
    std::string path;
    JournalEntry entry;
  };
  // Takes over the folders of runs that ended: their readable records. Damaged ones are logged and kept.
  std::vector<Left> TakeOver() EXCLUDES(mutex_);
  // `pause`: between its two looks at runs that seem to live.
  std::vector<Left> TakeOver(const std::function<void()>& pause) EXCLUDES(mutex_);
  // The record at `path` is done with; its folder goes when it is empty.
  void Settle(const std::string& path, OnDisk on_disk = OnDisk::kSometime);

  size_t OpenRecords() const { return open_.load(std::memory_order_relaxed); }

 private:
  Status MakeRunFolder() REQUIRES(mutex_);
  Status MakeRunFolderAgain() REQUIRES(mutex_);
  Status MakeLockedFolder(const std::string& path) REQUIRES(mutex_);
  std::string PathOf(Id id) const REQUIRES(mutex_);
  Status Write(Id id, const JournalEntry& entry) EXCLUDES(mutex_);
  // The record as the name of an empty file, for a disk without room. False: it does not fit into one, or the disk
  // refuses that too.
  bool WriteName(Id id, const JournalEntry& entry) EXCLUDES(mutex_);
  Status WriteRecord(const std::string& path, const JournalEntry& entry) const;
  // Those that somebody has locked stay in `runs`.
  void TakeOverEnded(std::vector<std::string>& runs, std::vector<Left>& left) REQUIRES(mutex_);
  static void TakeRecords(const std::string& run, std::vector<Left>& left);
  void RemoveRecord(const std::string& path, OnDisk on_disk) const;
  Status Sync(const std::string& folder) const;

  const std::string folder_;
  const SyncFolder sync_folder_;
  Mutex mutex_;
  std::string run_folder_ GUARDED_BY(mutex_);
  int lock_fd_ GUARDED_BY(mutex_) = -1;
  std::vector<int> taken_locks_ GUARDED_BY(mutex_);  // of runs taken over, until this one ends
  Id next_ GUARDED_BY(mutex_) = 1;
  std::map<Id, std::string> named_ GUARDED_BY(mutex_);  // the paths of records that are only names
  std::atomic<size_t> open_{0};
};

// The records of the runs in a journal folder that live now, of any process; none if there is no such folder. Takes
// nothing over. Errors: it cannot be told, since the folder or a run's cannot be read.
Result<std::vector<JournalEntry>> ReadLiveRuns(const std::string& folder);

}  // namespace ossfs2
