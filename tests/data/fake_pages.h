// FakePages: a page cache for the tests of what is put there ahead of readers.
#pragma once

#include <chrono>
#include <map>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "base/threads/mutex.h"
#include "data/read/read_engine.h"
#include "tests/data/read_harness.h"

namespace ossfs2 {

// Keeps what it is given; a gate may hold a store up.
class FakePages final : public KernelPages {
 public:
  bool Store(uint64_t file_id, uint64_t offset, const std::vector<iovec>& parts) override {
    MutexLock lock(mutex_);
    ++entered_;
    changed_.NotifyAll();
    while (held_) changed_.Wait(lock);
    std::string bytes;
    for (const iovec& part : parts) bytes.append(static_cast<const char*>(part.iov_base), part.iov_len);
    if (unknown_.count(file_id) != 0) return false;
    auto& pieces = stored_[file_id];
    const auto next = pieces.upper_bound(offset);
    const bool before = next != pieces.begin() && std::prev(next)->first + std::prev(next)->second.size() > offset;
    if (before || (next != pieces.end() && next->first < offset + bytes.size())) ++stored_twice_[file_id];
    pieces[offset] = bytes;
    ++stores_[file_id];
    return true;
  }
  void Drop(uint64_t) override {
    MutexLock lock(mutex_);
    ++drops_;
    changed_.NotifyAll();
  }

  void Hold(bool held) {
    MutexLock lock(mutex_);
    held_ = held;
    changed_.NotifyAll();
  }
  void WaitEntered() {
    MutexLock lock(mutex_);
    while (entered_ == 0) changed_.Wait(lock);
  }
  void WaitDropped() {
    MutexLock lock(mutex_);
    while (drops_ == 0) changed_.Wait(lock);
  }
  // The kernel has not looked the file up yet, or has now.
  void SetKnown(uint64_t file_id, bool known) {
    MutexLock lock(mutex_);
    if (known) unknown_.erase(file_id);
    if (!known) unknown_.insert(file_id);
  }
  bool Has(uint64_t offset, uint64_t file_id = 1) {
    MutexLock lock(mutex_);
    const auto& pieces = stored_[file_id];
    const auto it = pieces.upper_bound(offset);
    return it != pieces.begin() && std::prev(it)->first + std::prev(it)->second.size() > offset;
  }
  // By offset.
  std::map<uint64_t, std::string> stored(uint64_t file_id = 1) {
    MutexLock lock(mutex_);
    return stored_[file_id];
  }
  uint64_t Stores(uint64_t file_id) {
    MutexLock lock(mutex_);
    return stores_[file_id];
  }
  // Stores of bytes that were there already.
  uint64_t StoredTwice(uint64_t file_id) {
    MutexLock lock(mutex_);
    return stored_twice_[file_id];
  }
  uint64_t StoredBytes(uint64_t file_id) {
    uint64_t bytes = 0;
    for (const auto& [offset, text] : stored(file_id)) bytes += text.size();
    return bytes;
  }

 private:
  Mutex mutex_;
  CondVar changed_;
  bool held_ GUARDED_BY(mutex_) = false;
  std::set<uint64_t> unknown_ GUARDED_BY(mutex_);
  std::map<uint64_t, uint64_t> stores_ GUARDED_BY(mutex_);
  std::map<uint64_t, uint64_t> stored_twice_ GUARDED_BY(mutex_);
  int entered_ GUARDED_BY(mutex_) = 0;
  int drops_ GUARDED_BY(mutex_) = 0;
  std::map<uint64_t, std::map<uint64_t, std::string>> stored_ GUARDED_BY(mutex_);
};

// Reads the file like a process behind a page cache: what the fake holds is not asked of the engine.
inline uint64_t ReadBehind(ReadHarness& harness, ReadFile& file, FakePages& pages, uint64_t size, uint64_t file_id = 1,
                           uint64_t begin = 0) {
  uint64_t asked = 0;
  for (uint64_t offset = begin; offset < size && !testing::Test::HasFatalFailure(); offset += 128 * kKiB) {
    // A reader with work of its own.
    if (offset % (8 * kMiB) == 0) std::this_thread::sleep_for(std::chrono::milliseconds(2));
    if (pages.Has(offset, file_id)) continue;
    harness.Read(file, 7, offset, static_cast<size_t>(std::min<uint64_t>(128 * kKiB, size - offset)));
    asked += 128 * kKiB;
  }
  return asked;
}

}  // namespace ossfs2
