// Blob and BlobStore: where the bytes of objects lie, as files that are only ever added to.
//
// A blob is shared by every object version, part and copy that uses some of it; its file goes away when
// the last one does, so a GET in flight keeps its snapshot. Ids are never used twice within a root.
// Two kinds have no file: pattern blobs (bytes derived from the offset, see synthetic.h) and discarded
// blobs (only counted, --discard).
// Threads: any. Ownership: the store outlives its blobs. Errors: of the file system, with errno.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>

#include "base/threads/mutex.h"
#include "ossfs2/status.h"

namespace ossfs2::server {

class BlobStore;

enum class BlobKind : uint8_t { kFile = 0, kPattern = 1, kDiscarded = 2 };

class Blob {
 public:
  Blob(BlobStore* store, BlobKind kind, uint64_t id) : store_(store), kind_(kind), id_(id) {}
  ~Blob();
  Blob(const Blob&) = delete;
  Blob& operator=(const Blob&) = delete;

  BlobKind kind() const { return kind_; }
  uint64_t id() const { return id_; }
  BlobStore* store() const { return store_; }
  // The first byte that nothing refers to; an append may continue the file there.
  std::atomic<uint64_t> end{0};
  // One append at a time may continue the file.
  std::atomic<bool> claimed{false};

 private:
  BlobStore* const store_;
  const BlobKind kind_;
  const uint64_t id_;
};

inline constexpr uint64_t kBlobsPerFolder = 4096;

class BlobStore {
 public:
  // `folder` is made when missing; inside, each folder holds the files of kBlobsPerFolder ids.
  static Result<std::unique_ptr<BlobStore>> Open(std::string folder);
  ~BlobStore();

  // A new blob with an empty file, open for writing in `fd`.
  Result<std::shared_ptr<Blob>> Create(int& fd);
  std::shared_ptr<Blob> Pattern() const { return pattern_; }
  std::shared_ptr<Blob> Discarded() const { return discarded_; }
  // The blob that a loaded record refers to; one Blob per id. Only until FinishLoading. Until then no file is
  // removed: a record replaced by a later one (an upload by its completion) drops blobs that are still needed.
  std::shared_ptr<Blob> Load(BlobKind kind, uint64_t id) EXCLUDES(mutex_);
  // Removes the files that no loaded record uses.
  Status FinishLoading() EXCLUDES(mutex_);
  // From now on no file is removed: the objects in memory end, not those on disk.
  void Close() { closing_ = true; }

  // A descriptor for reading; `owned` tells whether the caller closes it. -1 with errno.
  int OpenForReading(const Blob& blob, bool& owned) const;
  int OpenForWriting(const Blob& blob) const;

 private:
  friend class Blob;
  explicit BlobStore(std::string folder);
  std::string FolderOf(uint64_t id) const;
  std::string PathOf(uint64_t id) const;
  void Remove(uint64_t id) const;

  const std::string folder_;
  std::atomic<uint64_t> next_id_{1};
  std::atomic<bool> closing_{false};
  std::atomic<bool> loaded_{false};
  std::shared_ptr<Blob> pattern_;
  std::shared_ptr<Blob> discarded_;
  Mutex mutex_;
  std::unordered_map<uint64_t, std::weak_ptr<Blob>> loading_ GUARDED_BY(mutex_);
};

}  // namespace ossfs2::server
