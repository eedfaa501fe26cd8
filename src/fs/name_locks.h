// NameLocks: keeps operations that change the same names apart.
//
// A change of (directory, name) wants that name exclusively and every directory on the way to it shared;
// a rename of a directory wants the directory itself exclusively, so nothing below it changes meanwhile.
// All wants of one operation are taken together or not at all: no order, no deadlock. Waits: executor
// threads only. Lookups and reads take no name locks.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "base/mutex.h"
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

 private:
  using Key = std::pair<Ino, std::string>;
  void Return(const std::vector<Want>& wants) EXCLUDES(mutex_);
  bool TryTake(const std::vector<Want>& wants) REQUIRES(mutex_);

  Mutex mutex_;
  CondVar released_;
  std::map<Key, int> held_ GUARDED_BY(mutex_);  // holders that share it; -1: one exclusive holder
};

}  // namespace ossfs2
