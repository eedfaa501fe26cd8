// KernelInvalidator: tells the kernel to drop what it cached.
//
// Why queues: to drop pages waits for those that are being read, and these reads are answered by other threads of ours;
// to drop a name waits for what changes its directory, a rename for minutes. A caller in the middle of an operation
// must wait for neither, and pages and names not for one another. Attributes are dropped on the caller's thread: that
// waits for nothing, and who answers an open must know that it was done. StorePages runs on its caller's thread, which
// is one of the page filler's.
// Threads: any. Stop ends the queues and drops later notices. Errors of the kernel (ENOENT: it had nothing cached) are
// of no interest.
#pragma once

#include <fuse_lowlevel.h>

#include <atomic>
#include <string>
#include <utility>
#include <vector>

#include "fuse/notices/notice_queue.h"
#include "fuse/notices/page_store.h"
#include "ossfs2/file_system.h"

namespace ossfs2 {

class KernelInvalidator final : public KernelNotifier {
 public:
  explicit KernelInvalidator(fuse_session* session);

  void InvalidateAttributes(Ino ino) override;
  void InvalidateInode(Ino ino) override { inodes_.Add(ino); }
  void WithdrawInode(Ino ino) override { inodes_.Withdraw(ino); }
  bool AwaitInode(Ino ino) override { return inodes_.Await(ino); }
  void InvalidateEntry(Ino parent, const std::string& name) override { entries_.Add({parent, name}); }
  size_t EntriesWaiting() override { return entries_.waiting(); }
  bool StorePages(Ino ino, uint64_t offset, const std::vector<iovec>& parts) override;
  void Stop();  // idempotent; from one thread

 private:
  fuse_session* const session_;
  const PageStore pages_;
  std::atomic<bool> stopped_{false};
  NoticeQueue<Ino> inodes_;
  NoticeQueue<std::pair<Ino, std::string>> entries_;
};

}  // namespace ossfs2
