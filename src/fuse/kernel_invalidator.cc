#include "fuse/kernel_invalidator.h"

#include <linux/fuse.h>
#include <pthread.h>
#include <sys/uio.h>

#include <algorithm>

namespace ossfs2 {

KernelInvalidator::KernelInvalidator(fuse_session* session)
    : session_(session), thread_([this] { ThreadMain(); }) {
  pthread_setname_np(thread_.native_handle(), "invalidate");
}

KernelInvalidator::~KernelInvalidator() { Stop(); }

void KernelInvalidator::Stop() {
  {
    MutexLock lock(mutex_);
    stopping_ = true;
    wake_.NotifyAll();
  }
  if (thread_.joinable()) thread_.join();
}

void KernelInvalidator::InvalidateInode(Ino ino) {
  MutexLock lock(mutex_);
  if (stopping_) return;
  inodes_.insert(ino);
  wake_.NotifyOne();
}

void KernelInvalidator::InvalidateEntry(Ino parent, const std::string& name) {
  MutexLock lock(mutex_);
  if (stopping_) return;
  entries_.emplace(parent, name);
  wake_.NotifyOne();
}

// libfuse's own call copies or splices what is in more than one piece; this is one writev (linux/fuse.h,
// FUSE_NOTIFY_STORE).
bool KernelInvalidator::StorePages(Ino ino, uint64_t offset, const std::vector<iovec>& parts) {
  fuse_out_header header{};
  fuse_notify_store_out store{};
  std::vector<iovec> message{{&header, sizeof header}, {&store, sizeof store}};
  message.insert(message.end(), parts.begin(), parts.end());
  for (const iovec& part : parts) store.size += static_cast<uint32_t>(part.iov_len);
  store.nodeid = ino;
  store.offset = offset;
  header.error = FUSE_NOTIFY_STORE;
  header.len = static_cast<uint32_t>(sizeof header + sizeof store) + store.size;
  return writev(fuse_session_fd(session_), message.data(), static_cast<int>(message.size())) >= 0;
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
