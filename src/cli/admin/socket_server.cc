#include "cli/admin/socket_server.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "base/values/str.h"

namespace ossfs2 {
namespace {

constexpr timeval kConnectLimit{5, 0};

// Any descriptor will do.
int MakeSpare() { return open("/dev/null", O_RDONLY | O_CLOEXEC); }

}  // namespace

int SocketServer::AcceptConnection(int listening_fd) {
  return accept4(listening_fd, nullptr, nullptr, SOCK_CLOEXEC);
}

SocketServer::SocketServer(int listening_fd, std::string name, Handler handler, Acceptor acceptor)
    : listening_fd_(listening_fd),
      stop_event_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      handler_(std::move(handler)),
      acceptor_(std::move(acceptor)),
      executor_(std::move(name), kConnectionsMax),
      spare_fd_(MakeSpare()),
      thread_([this] { Accept(); }) {}

SocketServer::~SocketServer() {
  const uint64_t one = 1;
  [[maybe_unused]] const ssize_t wrote = write(stop_event_, &one, sizeof(one));
  thread_.join();
  {
    MutexLock lock(mutex_);
    for (const int fd : connections_) shutdown(fd, SHUT_RDWR);
  }
  executor_.Shutdown();
  {
    MutexLock lock(mutex_);
    if (spare_fd_ >= 0) close(spare_fd_);
  }
  close(listening_fd_);
  close(stop_event_);
}

void SocketServer::Accept() {
  while (true) {
    pollfd waited[2] = {{listening_fd_, POLLIN, 0}, {stop_event_, POLLIN, 0}};
    if (poll(waited, 2, -1) < 0 && errno != EINTR) return;
    if (waited[1].revents != 0) return;
    if (waited[0].revents == 0) continue;
    int fd = acceptor_(listening_fd_);
    if (fd < 0 && (errno == EMFILE || errno == ENFILE)) fd = AcceptWithSpare();
    if (fd < 0) {
      poll(&waited[1], 1, kRetryInterval.count());
      continue;
    }
    {
      MutexLock lock(mutex_);
      if (connections_.size() >= kConnectionsMax) {
        close(fd);
        continue;
      }
      connections_.insert(fd);
    }
    executor_.Run([this, fd] { Serve(fd); });
  }
}

int SocketServer::AcceptWithSpare() {
  {
    MutexLock lock(mutex_);
    if (spare_fd_ < 0) return -1;
    close(std::exchange(spare_fd_, -1));
  }
  return acceptor_(listening_fd_);
}

void SocketServer::Serve(int fd) {
  handler_(fd);
  MutexLock lock(mutex_);
  connections_.erase(fd);
  close(fd);
  if (spare_fd_ < 0) spare_fd_ = MakeSpare();
}

Result<int> ListenUnix(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof(address.sun_path)) return ErrnoError(ENAMETOOLONG, StrCat("socket ", path));
  memcpy(address.sun_path, path.data(), path.size());
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return ErrnoError(errno, "socket");
  unlink(path.c_str());
  // The mode of the file is set before anybody can connect: bind comes before listen.
  if (bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0 ||
      chmod(path.c_str(), 0600) != 0 || listen(fd, 16) != 0) {
    const int error = errno;
    close(fd);
    return ErrnoError(error, StrCat("socket ", path));
  }
  return fd;
}

Result<int> ListenTcp(const std::string& address, uint16_t port) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_NUMERICHOST | AI_PASSIVE;
  addrinfo* found = nullptr;
  if (getaddrinfo(address.c_str(), StrCat(port).c_str(), &hints, &found) != 0 || found == nullptr)
    return MakeError(EINVAL, ErrorKind::kInvalid,
                     StrCat("metrics_ip: \"", address, "\" is not an IP address"));
  const int fd = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  const int one = 1;
  if (fd >= 0) setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
  const bool ok = fd >= 0 && bind(fd, found->ai_addr, found->ai_addrlen) == 0 && listen(fd, 16) == 0;
  const int error = errno;
  freeaddrinfo(found);
  if (ok) return fd;
  if (fd >= 0) close(fd);
  return ErrnoError(error, StrCat("metrics_port: cannot listen on ", address, " port ", port,
                                  error == EADDRINUSE ? " (choose another port)" : ""));
}

uint16_t BoundPort(int fd) {
  sockaddr_storage address{};
  socklen_t size = sizeof(address);
  if (getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) != 0) return 0;
  return address.ss_family == AF_INET6 ? ntohs(reinterpret_cast<const sockaddr_in6*>(&address)->sin6_port)
                                       : ntohs(reinterpret_cast<const sockaddr_in*>(&address)->sin_port);
}

Result<int> ConnectUnix(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof(address.sun_path))
    return ErrnoError(EINVAL, StrCat("socket ", path));
  memcpy(address.sun_path, path.data(), path.size());
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return ErrnoError(errno, "socket");
  // A daemon that hangs has a full queue after some questions; connect would then wait for ever.
  setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &kConnectLimit, sizeof(kConnectLimit));
  if (connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
    const int error = errno;
    close(fd);
    return ErrnoError(error, StrCat("socket ", path));
  }
  return fd;
}

namespace {

// Milliseconds left, for poll; 0 when time is over.
int Left(std::chrono::steady_clock::time_point end) {
  const auto left =
      std::chrono::duration_cast<std::chrono::milliseconds>(end - std::chrono::steady_clock::now());
  return left.count() < 0 ? 0 : static_cast<int>(left.count());
}

}  // namespace

std::optional<std::string> ReadUntil(int fd, std::string_view end, size_t size_max,
                                     std::chrono::milliseconds limit) {
  const auto over = std::chrono::steady_clock::now() + limit;
  std::string data;
  char chunk[16384];
  while (data.find(end) == std::string::npos) {
    if (data.size() >= size_max) return std::nullopt;
    pollfd waited{fd, POLLIN, 0};
    const int ready = poll(&waited, 1, Left(over));
    if (ready < 0 && errno == EINTR) continue;
    if (ready <= 0) return std::nullopt;
    const ssize_t n = recv(fd, chunk, std::min(sizeof(chunk), size_max - data.size()), MSG_DONTWAIT);
    if (n < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (n <= 0) break;
    data.append(chunk, static_cast<size_t>(n));
  }
  if (data.empty()) return std::nullopt;
  return data;
}

bool WriteAll(int fd, std::string_view data, std::chrono::milliseconds limit) {
  const auto over = std::chrono::steady_clock::now() + limit;
  while (!data.empty()) {
    const ssize_t n = send(fd, data.data(), data.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n > 0) {
      data.remove_prefix(static_cast<size_t>(n));
      continue;
    }
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && errno != EAGAIN) return false;
    pollfd waited{fd, POLLOUT, 0};
    if (poll(&waited, 1, Left(over)) <= 0) return false;
  }
  return true;
}

}  // namespace ossfs2
