#include "http/lean/lean_connection.h"

#include <sys/epoll.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "http/lean/lean_loop.h"
#include "http/net/socket.h"

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
  watched_ = EPOLLOUT;
  return loop_.Add(fd_, watched_, this);
}

void LeanConnection::Close() {
  if (fd_ < 0) return;
  if (transport_ != nullptr) transport_->SayGoodbye();
  loop_.Remove(fd_);
  close(fd_);
  fd_ = -1;
}

void LeanConnection::WatchFor(uint32_t events) {
  if (watched_ == events) return;
  watched_ = events;
  loop_.Modify(fd_, events);
}

void LeanConnection::Begin(std::shared_ptr<LeanCall> call) {
  call_ = std::move(call);
  call_->connection = this;
  call_->progress.address = peer_.ToString();
  call_->progress.BeginExchange(call_->request, loop_.now());
  ++exchanges_;
  exchange_.emplace(*call_);
  exchange_->Send(*transport_, loop_.now());
  // A send that failed shows as an event at once, since the loop is level-triggered.
  WatchForExchange();
}

void LeanConnection::WatchForExchange() {
  WatchFor(exchange_->sending() || transport_->has_output() ? kReading | EPOLLOUT : kReading);
}

bool LeanConnection::Rest() {
  if (!transport_->Rest()) return false;
  WatchFor(kReading);  // the last event may have ended both the sending and the answer
  return true;
}

void LeanConnection::OnEvents(uint32_t events) {
  if (state_ == State::kConnecting) return OnConnected();
  if (state_ == State::kHandshake) return ContinueHandshake();
  if (call_ == nullptr) return owner_.OnIdleEvent(*this, (events & ~static_cast<uint32_t>(EPOLLIN)) == 0);
  RunExchange(events);
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
  }
  if (failure != 0) return owner_.OnConnectFailed(*this, strerror(failure), CauseOfConnectError(failure));
  transport_ = owner_.NewTransport(*call_, fd_);
  if (transport_ == nullptr)
    return owner_.OnConnectFailed(*this, "OpenSSL cannot set up a connection for this host name", Cause::kOther);
  if (call_->request.tls) call_->progress.phase = Phase::kTls;
  state_ = State::kHandshake;
  ContinueHandshake();
}

void LeanConnection::ContinueHandshake() {
  const IoStep step = transport_->Handshake();
  if (step.state == IoStep::State::kWouldBlock)
    return WatchFor(transport_->has_output() ? kReading | EPOLLOUT : kReading);
  if (step.state != IoStep::State::kMoved)
    return owner_.OnConnectFailed(*this, transport_->failure(), transport_->failure_cause());
  state_ = State::kReady;
  owner_.OnReady(*this);
}

void LeanConnection::RunExchange(uint32_t events) {
  if ((events & EPOLLOUT) != 0 && exchange_->sending()) exchange_->Send(*transport_, loop_.now());
  else if ((events & EPOLLOUT) != 0) transport_->Flush();  // a failure shows at the next Receive
  LeanExchange::Step step = LeanExchange::Step::kContinue;
  if ((events & ~static_cast<uint32_t>(EPOLLOUT)) != 0)
    step = exchange_->Receive(*transport_, owner_.scratch(), loop_.now());
  if (step != LeanExchange::Step::kContinue) return owner_.OnExchangeEnd(*this, step);
  WatchForExchange();
}

}  // namespace ossfs2::http
