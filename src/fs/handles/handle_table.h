// HandleTable: what is open, by number. T has a field `id` (FileHandle, a directory's handle).
//
// Numbers are given by the caller and never reused. Thread-safe: the table is in shards, each with a lock of its own, a
// leaf. Ownership: shared with whoever got the handle, so one that was taken out lives while somebody uses it.
// Limits: none of its own; programs' open files bound it.
#pragma once

#include <array>
#include <cerrno>
#include <cstddef>
#include <memory>
#include <unordered_map>

#include "base/threads/mutex.h"
#include "base/values/str.h"
#include "ossfs2/file_system.h"
#include "ossfs2/status.h"

namespace ossfs2 {

inline Error BadHandle(HandleId id) {
  return MakeError(EBADF, ErrorKind::kInvalid,
                   StrCat("Handle ", id, " is closed, or not open for this. Open the file again."));
}

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
