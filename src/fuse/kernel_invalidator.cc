#include "fuse/kernel_invalidator.h"

#include <pthread.h>

namespace ossfs2 {

KernelInvalidator::KernelInvalidator(fuse_session* session)
    : session_(session), thread_([this] { ThreadMain(); }) {
  pthread_setname_np(thread_.native_handle(), "invalidate");
}

KernelInvalidator::~KernelInvalidator() {
  {
    MutexLock lock(mutex_);
    stopping_ = true;
    wake_.NotifyAll();
  }
  thread_.join();
}

void KernelInvalidator::InvalidateInode(Ino ino) {
  MutexLock lock(mutex_);
  inodes_.insert(ino);
  wake_.NotifyOne();
}

void KernelInvalidator::InvalidateEntry(Ino parent, const std::string& name) {
  MutexLock lock(mutex_);
  entries_.emplace(parent, name);
  wake_.NotifyOne();
}

void KernelInvalidator::Drain() {
  MutexLock lock(mutex_);
  while (!stopping_ && (busy_ || !inodes_.empty() || !entries_.empty())) idle_.Wait(lock);
}

void KernelInvalidator::ThreadMain() {
  MutexLock lock(mutex_);
  while (!stopping_) {
    if (inodes_.empty() && entries_.empty()) {
      busy_ = false;
      idle_.NotifyAll();
      wake_.Wait(lock);
      continue;
    }
    busy_ = true;
    std::set<Ino> inodes;
    std::set<std::pair<Ino, std::string>> entries;
    inodes.swap(inodes_);
    entries.swap(entries_);
    lock.Unlock();
    for (const Ino ino : inodes) fuse_lowlevel_notify_inval_inode(session_, ino, 0, 0);
    for (const auto& [parent, name] : entries)
      fuse_lowlevel_notify_inval_entry(session_, parent, name.c_str(), name.size());
    lock.Lock();
  }
  idle_.NotifyAll();
}

}  // namespace ossfs2
