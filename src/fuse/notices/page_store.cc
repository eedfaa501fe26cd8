#include "fuse/notices/page_store.h"

#include <linux/fuse.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <string>

namespace ossfs2 {
namespace {

// One FUSE_NOTIFY_STORE. libfuse's own call copies or splices what is in more than one piece; this is one writev.
class StoreMessage {
 public:
  StoreMessage(Ino ino, uint64_t offset) : message_{{&header_, sizeof header_}, {&store_, sizeof store_}} {
    header_.error = FUSE_NOTIFY_STORE;
    store_.nodeid = ino;
    store_.offset = offset;
  }
  StoreMessage(const StoreMessage&) = delete;
  StoreMessage& operator=(const StoreMessage&) = delete;

  void Add(const iovec& part) {
    message_.push_back(part);
    store_.size += static_cast<uint32_t>(part.iov_len);
  }
  bool Send(int fuse_fd) {
    header_.len = static_cast<uint32_t>(sizeof header_ + sizeof store_) + store_.size;
    return writev(fuse_fd, message_.data(), static_cast<int>(message_.size())) >= 0;
  }
  // The next message is for the bytes after this one's.
  void Advance() {
    store_.offset += store_.size;
    store_.size = 0;
    message_.resize(2);
  }
  uint64_t size() const { return store_.size; }

 private:
  fuse_out_header header_{};
  fuse_notify_store_out store_{};
  std::vector<iovec> message_;
};

}  // namespace

PageLists ReadPageLists(const char* file) {
  std::ifstream stream(file);
  std::string flags;  // hexadecimal; the lowest bit is the main switch
  if (!(stream >> flags)) return PageLists::kTwo;
  return (std::strtoul(flags.c_str(), nullptr, 16) & 1) != 0 ? PageLists::kGenerations : PageLists::kTwo;
}

bool PageStore::Store(int fuse_fd, Ino ino, uint64_t offset, const std::vector<iovec>& parts) const {
  StoreMessage message(ino, offset);
  if (!twice_) {
    for (const iovec& part : parts) message.Add(part);
    return message.Send(fuse_fd);
  }
  for (iovec rest : parts) {
    while (rest.iov_len > 0) {
      const size_t taken = std::min<size_t>(rest.iov_len, piece_bytes_ - message.size());
      message.Add({rest.iov_base, taken});
      rest = {static_cast<char*>(rest.iov_base) + taken, rest.iov_len - taken};
      if (message.size() < piece_bytes_) continue;
      if (!message.Send(fuse_fd) || !message.Send(fuse_fd)) return false;
      message.Advance();
    }
  }
  return message.size() == 0 || (message.Send(fuse_fd) && message.Send(fuse_fd));
}

}  // namespace ossfs2
