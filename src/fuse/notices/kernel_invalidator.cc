#include "fuse/notices/kernel_invalidator.h"

namespace ossfs2 {

KernelInvalidator::KernelInvalidator(fuse_session* session)
    : session_(session),
      inodes_("invalidate", [session](Ino ino) { fuse_lowlevel_notify_inval_inode(session, ino, 0, 0); }),
      entries_("forget", [session](const std::pair<Ino, std::string>& entry) {
        fuse_lowlevel_notify_inval_entry(session, entry.first, entry.second.c_str(), entry.second.size());
      }) {}

void KernelInvalidator::Stop() {
  stopped_ = true;
  inodes_.Stop();
  entries_.Stop();
}

void KernelInvalidator::InvalidateAttributes(Ino ino) {
  if (!stopped_) fuse_lowlevel_notify_inval_inode(session_, ino, -1, 0);  // below 0: no pages
}

bool KernelInvalidator::StorePages(Ino ino, uint64_t offset, const std::vector<iovec>& parts) {
  return pages_.Store(fuse_session_fd(session_), ino, offset, parts);
}

}  // namespace ossfs2
