#include "fs/shared/name_locker.h"

namespace ossfs2 {
namespace {

bool SameWants(const std::vector<NameLocks::Want>& a, const std::vector<NameLocks::Want>& b) {
  if (a.size() != b.size()) return false;
  for (size_t i = 0; i < a.size(); ++i)
    if (a[i].ino != b[i].ino || a[i].name != b[i].name || a[i].exclusive != b[i].exclusive) return false;
  return true;
}

}  // namespace

Result<std::vector<NameLocks::Want>> NameLocker::Wants(const std::vector<Name>& names, Ino moved) {
  std::vector<NameLocks::Want> wants;
  for (const auto& [parent, name] : names) {
    const Node* directory = context_.tree.Find(parent);
    if (directory == nullptr || directory->unlinked) return context_.Stale(parent);
    wants.push_back({parent, name, true});
    for (const Node* at = directory; at != nullptr; at = at->parent) wants.push_back({at->ino, {}, false});
  }
  if (moved != 0) wants.push_back({moved, {}, true});
  return wants;
}

Result<NameLocks::Guard> NameLocker::Lock(const std::vector<Name>& names, Ino moved) {
  for (;;) {
    std::vector<NameLocks::Want> wants;
    {
      MutexLock lock(context_.tree.mutex);
      Result<std::vector<NameLocks::Want>> now = Wants(names, moved);
      if (!now) return now.error();
      wants = std::move(*now);
    }
    NameLocks::Guard guard = context_.locks.Acquire(wants);
    MutexLock lock(context_.tree.mutex);
    Result<std::vector<NameLocks::Want>> now = Wants(names, moved);
    if (!now) return now.error();
    if (SameWants(*now, wants)) return guard;
  }
}

Result<NameLocks::Guard> NameLocker::LockNode(Ino ino) {
  for (;;) {
    Name name;
    {
      MutexLock lock(context_.tree.mutex);
      const Node* node = context_.tree.Find(ino);
      if (node == nullptr) return context_.Stale(ino);
      if (node->parent == nullptr) return NameLocks::Guard();
      name = {node->parent->ino, node->name};
    }
    Result<NameLocks::Guard> guard = Lock({name});
    MutexLock lock(context_.tree.mutex);
    const Node* node = context_.tree.Find(ino);
    if (node == nullptr) return context_.Stale(ino);
    if (node->parent == nullptr) return NameLocks::Guard();
    if (!guard) return guard;
    if (node->parent->ino == name.first && node->name == name.second) return guard;
  }
}

}  // namespace ossfs2
