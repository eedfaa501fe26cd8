// NameLocks: keeps operations that change the same names apart.
//
// A change of (directory, name) wants that name exclusively and every directory on the way to it shared;
// a rename of a directory wants the directory itself exclusively, so nothing below it changes meanwhile.
// All wants of one operation are taken together or not at all: no order, no deadlock. Who holds some never asks for
// more. Changes below a directory may overlap for ever, so whoever waits for the directory itself goes before those
// that came later; of two that wait so for each other's directory the first is the one that waits for holders only.
// Waits: executor threads only. Lookups and reads take no name locks.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/threads/mutex.h"
#include "ossfs2/file_system.h"

namespace ossfs2 {

class NameLocks {
 public:
  struct Want {
    Ino ino = 0;
    std::string name;  // empty: the directory itself
    bool exclusive = false;
  };

  class Guard {
   public:
    Guard() = default;
    Guard(NameLocks* locks, std::vector<Want> wants) : locks_(locks), wants_(std::move(wants)) {}
    Guard(Guard&& other) noexcept
        : locks_(std::exchange(other.locks_, nullptr)), wants_(std::move(other.wants_)) {}
    Guard& operator=(Guard&& other) noexcept {
      Release();
      locks_ = std::exchange(other.locks_, nullptr);
      wants_ = std::move(other.wants_);
      return *this;
    }
    ~Guard() { Release(); }
    void Release();

   private:
    NameLocks* locks_ = nullptr;
    std::vector<Want> wants_;
  };

  // Wants of the same thing are merged into the stronger one.
  Guard Acquire(std::vector<Want> wants) EXCLUDES(mutex_);
  // Calls of Acquire that wait.
  size_t waiting() EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    return waiting_;
  }

 private:
  using Key = std::pair<Ino, std::string>;
  void Return(const std::vector<Want>& wants) EXCLUDES(mutex_);
  bool TryTake(const std::vector<Want>& wants, uint64_t ticket) REQUIRES(mutex_);
  // Whether somebody who came before waits for the directory.
  bool IsWantedBefore(const Key& key, uint64_t ticket) const REQUIRES(mutex_);
  void Wait(MutexLock& lock, const std::vector<Want>& wants, uint64_t ticket) REQUIRES(mutex_);

  Mutex mutex_;
  CondVar released_;
  uint64_t last_ticket_ GUARDED_BY(mutex_) = 0;
  size_t waiting_ GUARDED_BY(mutex_) = 0;
  // Directories: tickets of those who wait to have them alone.
  std::map<Key, std::set<uint64_t>> wanted_ GUARDED_BY(mutex_);
  std::map<Key, int> held_ GUARDED_BY(mutex_);  // holders that share it; -1: one exclusive holder
};

}  // namespace ossfs2
