// DirectoryCopier: the part of a directory's rename that happens in the bucket: all keys below one prefix are copied to
// another, and only when all copies are proven the old keys are deleted. It knows keys, neither nodes nor open files.
//
// The steps, in this order: List, CheckTarget, CopyAll, then DeleteSources, or TakeBack when copying failed. What a
// failure leaves in the bucket is remembered, so that the same rename may be repeated and goes on: copies that are
// there are not made again, and those whose source is already deleted count as the rename's own.
//
// Threads: any that may block; renames of other directories may run beside. Copies run on the executor,
// rename_dir_concurrency at once.
// Errors: EMFILE more than rename_dir_limit keys; ENAMETOOLONG a key that would be too long; ENOTEMPTY the target has
// other keys than those of an earlier try; those of the store.
// Limits: the last kUnfinishedMax failed renames are remembered, until the daemon ends.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/threads/mutex.h"
#include "fs/shared/fs_context.h"

namespace ossfs2 {

class DirectoryCopier {
 public:
  struct File {
    ListEntry source;
    std::string target_key;
    std::string etag;  // of the copy; empty: none was made
    std::optional<uint64_t> crc64;
    std::optional<Encryption> encryption;   // of the source, when known: else it is asked for
    std::optional<uint64_t> source_crc64;  // when known
    bool was_there = false;        // the copy is one of an earlier try
    bool replaces_marker = false;  // of an empty directory that has the new name
  };
  using Copies = std::map<std::string, std::string>;  // keys of proven copies, and their ETags

  explicit DirectoryCopier(FsContext& context) : context_(context) {}

  // All keys below `from`, and what they are called below `to`. Both end in '/'.
  Result<std::vector<File>> List(const std::string& from, const std::string& to);
  // The target must be empty, except for its own marker and copies that an earlier try of the same rename left. Returns
  // those of them whose source that try has deleted.
  Result<Copies> CheckTarget(const std::string& from, const std::string& to, std::vector<File>& files)
      EXCLUDES(mutex_);
  // The first error; then some copies are there all the same.
  Status CopyAll(std::vector<File>& files);
  // After copies that failed: deletes those that were made. `settled` ones (of CheckTarget) have no source any more.
  void TakeBack(const std::string& from, const std::string& to, const std::vector<File>& files, Copies settled)
      EXCLUDES(mutex_);
  // The end of the rename. After an error the next try deletes what is left.
  Status DeleteSources(const std::string& from, const std::string& to, const std::vector<File>& files, Copies settled)
      EXCLUDES(mutex_);

 private:
  static constexpr size_t kUnfinishedMax = 8;  // each may remember rename_dir_limit keys

  Result<std::vector<ListEntry>> ListAll(const std::string& prefix);
  Result<std::map<std::string, ListEntry>> ListTarget(const std::string& to, bool all);
  Status CopyOne(File& file);
  Status DeleteAll(std::vector<std::string> keys);
  std::optional<Copies> FindUnfinished(const std::string& from, const std::string& to) EXCLUDES(mutex_);
  // What the next try of the rename finds in its target; empty: nothing.
  void NoteUnfinished(const std::string& from, const std::string& to, Copies copies) EXCLUDES(mutex_);

  FsContext& context_;
  Mutex mutex_;
  std::map<std::pair<std::string, std::string>, Copies> unfinished_ GUARDED_BY(mutex_);  // by from and to
};

}  // namespace ossfs2
