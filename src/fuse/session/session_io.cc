#include "fuse/session/session_io.h"

#include <linux/fuse.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstring>

#include "fuse/session/landing_zone.h"

namespace ossfs2 {
namespace {

// Younger than Debian 12's linux/fuse.h.
constexpr uint32_t kInitExt = 1u << 30;
constexpr uint32_t kHandleKillprivV2 = 1u << 28;
constexpr uint32_t kDirectIoAllowMmapFlags2 = 1u << 4;  // bit 36 of the 64-bit flags
constexpr uint32_t kReadAheadBytesMax = 1u << 30;       // 1048576 KiB, the most that read_ahead_kb allows

std::atomic<uint64_t> g_init_unique{0};
std::atomic<bool> g_init_answered{false};
std::atomic<bool> g_offers_mmap{false};
std::atomic<bool> g_offers_killpriv{false};

void NoteInit(const char* request, size_t size) {
  fuse_in_header header;
  if (size < sizeof(header)) return;
  memcpy(&header, request, sizeof(header));
  if (header.opcode != FUSE_INIT) return;
  fuse_init_in init{};
  memcpy(&init, request + sizeof(header), std::min(sizeof(init), size - sizeof(header)));
  g_offers_killpriv = (init.flags & kHandleKillprivV2) != 0;
  g_offers_mmap = (init.flags & kInitExt) != 0 && (init.flags2 & kDirectIoAllowMmapFlags2) != 0;
  g_init_unique = header.unique;
}

// False when this is another reply.
bool CompleteInitReply(iovec* iov, int count, uint64_t unique) {
  fuse_out_header header;
  memcpy(&header, iov[0].iov_base, sizeof(header));
  if (header.unique != unique || header.error != 0 || count < 2) return false;
  g_init_unique = 0;
  if (iov[1].iov_len < offsetof(fuse_init_out, flags2) + sizeof(uint32_t)) return true;
  fuse_init_out reply;
  const size_t size = std::min(sizeof(reply), iov[1].iov_len);
  memcpy(&reply, iov[1].iov_base, size);
  // The kernel takes the smaller of this and what /sys has by now, so it must not lower what was written there.
  reply.max_readahead = kReadAheadBytesMax;
  if (g_offers_killpriv) reply.flags |= kHandleKillprivV2;
  if (g_offers_mmap) {
    reply.flags |= kInitExt;
    reply.flags2 |= kDirectIoAllowMmapFlags2;
  }
  memcpy(iov[1].iov_base, &reply, size);
  return true;
}

ssize_t ReadHook(int fd, void* buffer, size_t size, void*) {
  LandingZone* zone = LandingZone::OfThread();
  const ssize_t got = zone != nullptr ? zone->Receive(fd, static_cast<char*>(buffer), size) : read(fd, buffer, size);
  if (got > 0 && static_cast<size_t>(got) >= sizeof(fuse_in_header)) {
    uint32_t opcode;
    memcpy(&opcode, static_cast<const char*>(buffer) + offsetof(fuse_in_header, opcode), sizeof(opcode));
    if (opcode == FUSE_INIT) NoteInit(static_cast<const char*>(buffer), static_cast<size_t>(got));
  }
  return got;
}

ssize_t WritevHook(int fd, iovec* iov, int count, void*) {
  if (const uint64_t unique = g_init_unique.load(std::memory_order_relaxed); unique != 0 && count > 0) {
    const bool is_init = CompleteInitReply(iov, count, unique);
    const ssize_t wrote = writev(fd, iov, count);
    // The kernel works on the reply before writev returns.
    if (is_init) g_init_answered = true;
    return wrote;
  }
  return writev(fd, iov, count);
}

}  // namespace

Status InstallSessionIo(fuse_session* session) {
  g_init_answered = false;
  fuse_custom_io io{};
  io.read = ReadHook;
  io.writev = WritevHook;
  const int failure = fuse_session_custom_io(session, &io, fuse_session_fd(session));
  if (failure != 0) return ErrnoError(-failure, "fuse_session_custom_io");
  return {};
}

bool IsInitAnswered() { return g_init_answered; }

KernelOffer GetKernelOffer() { return {g_offers_mmap, g_offers_killpriv}; }

}  // namespace ossfs2
