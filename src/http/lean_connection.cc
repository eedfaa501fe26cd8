#include "http/lean_connection.h"

#include <sys/epoll.h>
#include <unistd.h>

#include <cerrno>

#include "http/lean_loop.h"
#include "http/socket.h"

namespace ossfs2::http {
namespace {
constexpr uint32_t kReading = EPOLLIN | EPOLLRDHUP;
}

Status LeanConnection::Connect(const SocketAddress& peer, const std::optional<SocketAddress>& source) {
  peer_ = peer;
  auto fd = OpenStreamSocket(peer);
  if (!fd) return std::move(fd.error());
  fd_ = *fd;
  if (source) OSSFS2_RETURN_IF_ERROR(BindSource(fd_, *source));
  if (connect(fd_, peer.get(), peer.length) != 0 && errno != EINPROGRESS) return ErrnoError(errno, "connect");
  connecting_ = true;
  watched_ = EPOLLOUT;
  return loop_.Add(fd_, watched_, this);
}

void LeanConnection::Close() {
  if (fd_ < 0) return;
  loop_.Remove(fd_);
  close(fd_);
  fd_ = -1;
}

void LeanConnection::WatchFor(uint32_t events) {
  if (watched_ == events) return;
  watched_ = events;
  loop_.Modify(fd_, events);
}

bool LeanConnection::LooksAlive() const {
  char byte = 0;
  return recv(fd_, &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
}

void LeanConnection::Begin(std::shared_ptr<LeanCall> call) {
  call_ = std::move(call);
  call_->connection = this;
  call_->progress.address = peer_.ToString();
  call_->progress.last_byte = loop_.now();
  ++exchanges_;
  exchange_.emplace(*call_);
  exchange_->Send(fd_, loop_.now());
  // A send that failed shows as an event at once, since the loop is level-triggered.
  WatchFor(exchange_->sending() ? kReading | EPOLLOUT : kReading);
}

void LeanConnection::OnEvents(uint32_t events) {
  if (connecting_) return OnConnected();
  if (call_ == nullptr) return owner_.OnIdleEvent(*this);
  Pump(events);
}

void LeanConnection::OnConnected() {
  int failure = 0;
  socklen_t size = sizeof(failure);
  if (getsockopt(fd_, SOL_SOCKET, SO_ERROR, &failure, &size) != 0) failure = errno;
  if (failure == 0) {
    // A spurious event of a connection that is still on its way has no peer yet.
    sockaddr_storage name;
    socklen_t name_size = sizeof(name);
    if (getpeername(fd_, reinterpret_cast<sockaddr*>(&name), &name_size) != 0) return;
    connecting_ = false;
  }
  owner_.OnConnectResult(*this, failure);
}

void LeanConnection::Pump(uint32_t events) {
  if ((events & EPOLLOUT) != 0 && exchange_->sending()) exchange_->Send(fd_, loop_.now());
  Exchange::Step step = Exchange::Step::kContinue;
  if ((events & ~static_cast<uint32_t>(EPOLLOUT)) != 0)
    step = exchange_->Receive(fd_, owner_.scratch(), loop_.now());
  if (step != Exchange::Step::kContinue) return owner_.OnExchangeEnd(*this, step);
  WatchFor(exchange_->sending() ? kReading | EPOLLOUT : kReading);
}

}  // namespace ossfs2::http
