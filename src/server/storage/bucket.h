// Bucket: the objects and open uploads of one bucket: an ordered index in memory, and its log on disk.
//
// Every change is in the log (by write()) before it is visible and before the request is answered, so a
// killed server loses no acknowledged object and no uploaded part. Records are immutable: a GET keeps the
// version that it found.
// Threads: any; the one lock is held for map work and one small write. Ownership: shared by the storage and the
// requests under way. Errors: of the log's file, with errno; the change is not made then.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/threads/mutex.h"
#include "ossfs2/status.h"
#include "server/storage/bucket_log.h"
#include "server/storage/record.h"

namespace ossfs2::server {

struct ListQuery {
  std::string prefix;
  std::string delimiter;
  std::string after;  // entries after this key; a common prefix stands for its whole group
  // Whether a group named by `after` is skipped whole (a marker) or shown again (start-after).
  bool skip_group = true;
  int max = 100;
};
struct ListedEntry {
  std::string key;   // or the common prefix
  RecordPtr record;  // null for a common prefix
};
struct ListedPage {
  std::vector<ListedEntry> entries;
  bool truncated = false;
};

struct ListedUpload {
  std::string key;
  std::string upload_id;
  int64_t initiated_s = 0;
  std::string storage_class;
};

struct BucketTotals {
  uint64_t objects = 0;
  uint64_t bytes = 0;
  uint64_t uploads = 0;
};

class Bucket {
 public:
  // Makes the bucket's log in `folder` when missing.
  static Result<std::shared_ptr<Bucket>> Open(std::string name, const std::string& folder, BlobStore& blobs);

  const std::string& name() const { return name_; }
  int64_t created_s() const { return created_s_; }

  // --- objects ---
  RecordPtr Find(std::string_view key) const EXCLUDES(mutex_);
  // Decides with the present record (or null) under the lock: the new record, or null to leave all as it is.
  using Change = std::function<RecordPtr(const RecordPtr& present)>;
  // False: `change` gave null.
  Result<bool> Put(const std::string& key, const Change& change) EXCLUDES(mutex_);
  // True when it existed.
  Result<bool> Delete(const std::string& key) EXCLUDES(mutex_);
  ListedPage List(const ListQuery& query) const EXCLUDES(mutex_);
  // Entries that live only as long as the process, for --synthetic; given in any order.
  void AddUnlogged(std::vector<std::pair<std::string, RecordPtr>> entries) EXCLUDES(mutex_);
  BucketTotals Totals() const EXCLUDES(mutex_);

  // --- uploads ---
  Status AddUpload(const std::string& upload_id, UploadRecord upload) EXCLUDES(mutex_);
  // A snapshot; empty when there is no such upload of this key.
  std::optional<UploadRecord> FindUpload(std::string_view key, std::string_view upload_id) const
      EXCLUDES(mutex_);
  bool HasUpload(std::string_view key, std::string_view upload_id) const EXCLUDES(mutex_);
  // False: no such upload.
  Result<bool> PutPart(const std::string& key, const std::string& upload_id, int number, PartRecord part)
      EXCLUDES(mutex_);
  // Publishes the object and ends the upload in one change. kNotFound: no such upload; false: `change` gave
  // null.
  Result<bool> Complete(const std::string& key, const std::string& upload_id, const Change& change)
      EXCLUDES(mutex_);
  Result<bool> Abort(const std::string& key, const std::string& upload_id) EXCLUDES(mutex_);
  std::vector<ListedUpload> Uploads() const EXCLUDES(mutex_);  // by key, then id

 private:
  using Index = std::map<std::string, RecordPtr, std::less<>>;
  using UploadMap = std::map<std::string, UploadRecord, std::less<>>;

  Bucket(std::string name, BlobStore& blobs) : name_(std::move(name)), blobs_(blobs) {}
  Status Load(const std::string& path) EXCLUDES(mutex_);
  bool Replay(std::string_view payload) REQUIRES(mutex_);
  Status WriteAllToLog() REQUIRES(mutex_);
  Status Compact() REQUIRES(mutex_);
  Status AppendToLog(std::string_view payload) REQUIRES(mutex_);
  const UploadRecord* UploadOf(std::string_view key, std::string_view upload_id) const REQUIRES(mutex_);

  const std::string name_;
  BlobStore& blobs_;
  int64_t created_s_ = 0;
  mutable Mutex mutex_;
  BucketLog log_ GUARDED_BY(mutex_);
  Index index_ GUARDED_BY(mutex_);
  UploadMap uploads_ GUARDED_BY(mutex_);
  uint64_t parts_ GUARDED_BY(mutex_) = 0;
};

}  // namespace ossfs2::server
