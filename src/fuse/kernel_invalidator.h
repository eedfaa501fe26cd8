// KernelInvalidator: tells the kernel to drop what it cached, from a thread of its own.
//
// Why a thread: notify_inval_inode waits for pages that are being read, and those reads are answered
// by other threads of ours; a caller in the middle of an operation must not wait for them.
// StorePages runs on its caller's thread, which is one of the page filler's.
// Notices are merged while they wait, so the queue is never longer than the inode and name tables.
// Threads: any. Drain waits until all notices given before are done. Stop ends the thread and drops later notices:
// whoever took the notifier just before may still call. Errors of the kernel (ENOENT: it
// had nothing cached) are of no interest.
#pragma once

#include <fuse_lowlevel.h>

#include <set>
#include <string>
#include <thread>
#include <utility>

#include "base/mutex.h"
#include "ossfs2/file_system.h"

namespace ossfs2 {

class KernelInvalidator final : public KernelNotifier {
 public:
  explicit KernelInvalidator(fuse_session* session);
  ~KernelInvalidator() override;

  void InvalidateInode(Ino ino) override EXCLUDES(mutex_);
  void InvalidateEntry(Ino parent, const std::string& name) override EXCLUDES(mutex_);
  bool StorePages(Ino ino, uint64_t offset, const std::vector<iovec>& parts) override;
  void Drain() EXCLUDES(mutex_);
  void Stop() EXCLUDES(mutex_);  // idempotent; from one thread

 private:
  void ThreadMain();

  fuse_session* const session_;
  Mutex mutex_;
  CondVar wake_;
  CondVar idle_;
  std::set<Ino> inodes_ GUARDED_BY(mutex_);
  std::set<std::pair<Ino, std::string>> entries_ GUARDED_BY(mutex_);
  bool busy_ GUARDED_BY(mutex_) = false;
  bool stopping_ GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace ossfs2
