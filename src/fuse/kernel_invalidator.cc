#include "fuse/kernel_invalidator.h"

#include <linux/fuse.h>
#include <sys/uio.h>

#include <vector>

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

}  // namespace ossfs2
