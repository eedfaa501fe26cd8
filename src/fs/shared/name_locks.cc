#include "fs/shared/name_locks.h"

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
  const uint64_t ticket = ++last_ticket_;
  if (!TryTake(wants, ticket)) Wait(lock, wants, ticket);
  return Guard(this, std::move(wants));
}

void NameLocks::Wait(MutexLock& lock, const std::vector<Want>& wants, uint64_t ticket) {
  ++waiting_;
  for (const Want& want : wants)
    if (want.exclusive && want.name.empty()) wanted_[Key{want.ino, {}}].insert(ticket);
  while (!TryTake(wants, ticket)) released_.Wait(lock);
  for (const Want& want : wants) {
    if (!want.exclusive || !want.name.empty()) continue;
    const auto it = wanted_.find(Key{want.ino, {}});
    it->second.erase(ticket);
    if (it->second.empty()) wanted_.erase(it);
  }
  --waiting_;
}

bool NameLocks::IsWantedBefore(const Key& key, uint64_t ticket) const {
  const auto it = wanted_.find(key);
  return it != wanted_.end() && *it->second.begin() < ticket;
}

bool NameLocks::TryTake(const std::vector<Want>& wants, uint64_t ticket) {
  for (const Want& want : wants) {
    const auto it = held_.find(Key{want.ino, want.name});
    if (it != held_.end() && (want.exclusive || it->second < 0)) return false;
    if (!want.exclusive && IsWantedBefore(Key{want.ino, want.name}, ticket)) return false;
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
