#include "fs/name_locks.h"

#include <algorithm>
#include <tuple>

namespace ossfs2 {

void NameLocks::Guard::Release() {
  if (locks_ == nullptr) return;
  locks_->Return(wants_);
  locks_ = nullptr;
}

NameLocks::Guard NameLocks::Acquire(std::vector<Want> wants) {
  // Exclusive wants sort first, so unique keeps the stronger of equals.
  std::sort(wants.begin(), wants.end(), [](const Want& a, const Want& b) {
    return std::tie(a.ino, a.name, b.exclusive) < std::tie(b.ino, b.name, a.exclusive);
  });
  const auto same = [](const Want& a, const Want& b) { return a.ino == b.ino && a.name == b.name; };
  wants.erase(std::unique(wants.begin(), wants.end(), same), wants.end());
  MutexLock lock(mutex_);
  while (!TryTake(wants)) released_.Wait(lock);
  return Guard(this, std::move(wants));
}

bool NameLocks::TryTake(const std::vector<Want>& wants) {
  for (const Want& want : wants) {
    const auto it = held_.find(Key{want.ino, want.name});
    if (it != held_.end() && (want.exclusive || it->second < 0)) return false;
  }
  for (const Want& want : wants) {
    int& held = held_[Key{want.ino, want.name}];
    held = want.exclusive ? -1 : held + 1;
  }
  return true;
}

void NameLocks::Return(const std::vector<Want>& wants) {
  MutexLock lock(mutex_);
  for (const Want& want : wants) {
    const auto it = held_.find(Key{want.ino, want.name});
    if (it->second <= 1) {
      held_.erase(it);
    } else {
      --it->second;
    }
  }
  released_.NotifyAll();
}

}  // namespace ossfs2
