// Storage: all buckets of a root folder.
//
// ROOT/lock is held while a server uses the root; ROOT/blobs has the data, ROOT/buckets/NAME/log the names.
// Threads: any. Ownership: a bucket lives on for those who hold it when it is removed.
// Errors: of the file system, with errno; EBUSY when another server keeps the root. Limits: none but memory, which has
// the record of every object and open upload.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/threads/mutex.h"
#include "server/storage/bucket.h"

namespace ossfs2::server {

class Storage {
 public:
  static Result<std::unique_ptr<Storage>> Open(const std::string& root);
  ~Storage();
  Storage(const Storage&) = delete;
  Storage& operator=(const Storage&) = delete;

  BlobStore& blobs() { return *blobs_; }
  std::shared_ptr<Bucket> Find(std::string_view name) const EXCLUDES(mutex_);
  // The present one when it exists; `existed` tells. The name must be valid.
  Result<std::shared_ptr<Bucket>> Create(const std::string& name, bool* existed = nullptr) EXCLUDES(mutex_);
  // Takes an empty bucket away; false when it has objects or uploads.
  Result<bool> Remove(const std::string& name) EXCLUDES(mutex_);
  std::vector<std::shared_ptr<Bucket>> All() const EXCLUDES(mutex_);

  static bool ValidName(std::string_view name);

 private:
  explicit Storage(std::string root) : root_(std::move(root)) {}

  const std::string root_;
  int lock_fd_ = -1;
  std::unique_ptr<BlobStore> blobs_;
  mutable Mutex mutex_;
  std::map<std::string, std::shared_ptr<Bucket>, std::less<>> buckets_ GUARDED_BY(mutex_);
};

}  // namespace ossfs2::server
