#include "http/net/socket.h"

#include <linux/sockios.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>

#include <cerrno>
#include <cstring>

#include "base/values/str.h"

namespace ossfs2::http {
namespace {

void SetInt(int fd, int level, int name, int value) { setsockopt(fd, level, name, &value, sizeof(value)); }

// bbr paces for a network that loopback is not: uploads to the own host ran at half
// speed. Other peers keep what the administrator chose.
void ChooseCongestionControl(int fd) {
  char name[16] = {};
  socklen_t size = sizeof(name) - 1;
  if (getsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, name, &size) != 0 || strncmp(name, "bbr", 3) != 0) return;
  for (const char* other : {"cubic", "reno"})
    if (setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, other, static_cast<socklen_t>(strlen(other))) == 0) return;
}

}  // namespace

Result<int> OpenStreamSocket(const SocketAddress& peer) {
  const int fd = ::socket(peer.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP);
  if (fd < 0) return ErrnoError(errno, "socket");
  SetInt(fd, IPPROTO_TCP, TCP_NODELAY, 1);
  SetInt(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
  SetInt(fd, IPPROTO_TCP, TCP_KEEPIDLE, 30);
  SetInt(fd, IPPROTO_TCP, TCP_KEEPINTVL, 10);
  if (peer.IsLoopback()) ChooseCongestionControl(fd);
  return fd;
}

Status BindSource(int fd, const SocketAddress& source) {
  SetInt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1);  // the port is chosen by connect, per peer
  if (bind(fd, source.get(), source.length) != 0)
    return ErrnoError(errno, StrCat("source address ", source.ToString()));
  return {};
}

uint64_t UnsentBytes(int fd) {
  int bytes = 0;
  if (ioctl(fd, SIOCOUTQ, &bytes) != 0 || bytes < 0) return 0;
  return static_cast<uint64_t>(bytes);
}

}  // namespace ossfs2::http
