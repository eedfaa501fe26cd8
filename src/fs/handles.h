// HandleTable: what is open, by number; FileHandle: an open file (open_directories.h has directories).
//
// Numbers are never reused. Thread-safe: sharded tables; a handle lives while someone uses it. The node of a handle is
// pinned from open to release by the file system.
#pragma once

#include <array>
#include <atomic>
#include <cerrno>
#include <memory>
#include <unordered_map>

#include "base/mutex.h"
#include "data/read/read_engine.h"
#include "fs/open_file.h"

namespace ossfs2 {

struct FileHandle {
  HandleId id = 0;
  Ino ino = 0;
  int flags = 0;
  bool readable = false;
  bool writable = false;
  bool append = false;
  bool stores = false;  // its close stores the file: it is writable, or truncated the file when it was opened
  std::shared_ptr<OpenFile> file;
  uint32_t replaced = 0;  // OpenFile::replaced when it was opened
  std::atomic<bool> unflushed{false};  // wrote since it was last flushed, synced or found with nothing to store
  std::atomic<int32_t> drops_pages{-1};  // Node::pages_made of the open, which drops older pages, until it surely has; -1: nothing
  std::atomic<bool> closing{false};    // flushed once: counted in OpenFile::closing
  Mutex mutex;
  std::shared_ptr<ReadFile> reader GUARDED_BY(mutex);  // of the version this handle reads
  uint64_t reader_version GUARDED_BY(mutex) = 0;       // OpenFile::version when it was taken

  // Another host has replaced the version that it was opened at. It may have read that from the page cache only.
  bool outdated() const { return file->replaced != replaced; }
};

inline Error BadHandle() { return MakeError(EBADF, ErrorKind::kInvalid, "The handle is not open for this."); }

template <class T>
class HandleTable {
 public:
  void Add(std::shared_ptr<T> handle) {
    Shard& shard = shards_[handle->id % kShards];
    MutexLock lock(shard.mutex);
    shard.handles.emplace(handle->id, std::move(handle));
  }
  std::shared_ptr<T> Get(HandleId id) {
    Shard& shard = shards_[id % kShards];
    MutexLock lock(shard.mutex);
    const auto it = shard.handles.find(id);
    return it == shard.handles.end() ? nullptr : it->second;
  }
  std::shared_ptr<T> Take(HandleId id) {
    Shard& shard = shards_[id % kShards];
    MutexLock lock(shard.mutex);
    const auto it = shard.handles.find(id);
    if (it == shard.handles.end()) return nullptr;
    std::shared_ptr<T> handle = std::move(it->second);
    shard.handles.erase(it);
    return handle;
  }

 private:
  static constexpr size_t kShards = 16;
  struct Shard {
    Mutex mutex;
    std::unordered_map<HandleId, std::shared_ptr<T>> handles GUARDED_BY(mutex);
  };
  std::array<Shard, kShards> shards_;
};

}  // namespace ossfs2
