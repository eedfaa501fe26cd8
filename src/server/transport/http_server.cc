#include "server/transport/http_server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <csignal>
#include <cerrno>
#include <system_error>

#include "base/values/str.h"
#include "server/transport/response_writer.h"

namespace ossfs2::server {
namespace {

// What the server reads of a body that its handler refused, to save the connection.
constexpr uint64_t kDrainBytesMax = 4 << 20;

// Ends a connection on which the peer may still be sending: a plain close would send RST, which may
// destroy the answer before the peer reads it.
void CloseGently(int fd, StopSignal& stop) {
  ::shutdown(fd, SHUT_WR);
  char waste[16 << 10];
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(1);
  while (!stop.stopped() && std::chrono::steady_clock::now() < until) {
    const ssize_t n = ::recv(fd, waste, sizeof(waste), MSG_DONTWAIT);
    if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) return;
    if (n < 0 && !stop.SleepFor(std::chrono::milliseconds(2))) return;
  }
}

}  // namespace

HttpServer::~HttpServer() { Stop(); }

Status HttpServer::Start(const HttpServerConfig& config) {
  ::signal(SIGPIPE, SIG_IGN);  // sendfile and TLS have no MSG_NOSIGNAL; a client that left is an error of one call
  if (!config.tls_certificate_file.empty()) {
    auto tls = MakeTlsContext(config.tls_certificate_file, config.tls_key_file);
    if (!tls) return std::move(tls.error());
    tls_ = std::move(*tls);
  }
  const std::string where = StrCat("listen on ", config.address, ":", config.port);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(config.port);
  if (::inet_pton(AF_INET, config.address.c_str(), &address.sin_addr) != 1) {
    return MakeError(EINVAL, ErrorKind::kInvalid, StrCat(where, ": not an IPv4 address"));
  }
  listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (listener_ < 0) return ErrnoError(errno, where);
  const int one = 1;
  ::setsockopt(listener_, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
  ChooseCongestionControl(listener_);
  socklen_t length = sizeof(address);
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  if (::bind(listener_, generic, length) != 0 || ::listen(listener_, 1024) != 0 ||
      ::getsockname(listener_, generic, &length) != 0) {
    return ErrnoError(errno, where);
  }
  port_ = ntohs(address.sin_port);
  accept_thread_ = std::thread([this] { AcceptLoop(); });
  return {};
}

void HttpServer::AcceptLoop() {
  for (uint64_t number = 1; !stop_.stopped(); ++number) {
    const int fd = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (fd < 0) {
      if (errno == EINTR || errno == ECONNABORTED) continue;
      if (errno != EMFILE && errno != ENFILE && errno != ENOBUFS && errno != ENOMEM) return;
      if (!stop_.SleepFor(std::chrono::milliseconds(20))) return;
      continue;
    }
    MutexLock lock(mutex_);
    if (stop_.stopped() || open_.size() >= kConnectionsMax) {
      ::close(fd);
      continue;
    }
    open_.insert(fd);
    lock.Unlock();
    handler_.OnConnection(true);
    try {
      std::thread([this, fd, number] { Serve(fd, number); }).detach();
    } catch (const std::system_error&) {  // no more threads: as over the limit
      Forget(fd);
    }
  }
}

void HttpServer::Serve(int fd, uint64_t number) {
  TuneSocket(fd, kSocketTimeoutSeconds);
  if (const auto stream = tls_ != nullptr ? tls_->Accept(fd) : MakePlainStream(fd))
    ServeRequests(*stream, number);
  Forget(fd);
}

void HttpServer::Forget(int fd) {
  handler_.OnConnection(false);
  MutexLock lock(mutex_);
  // Closed under the lock, so that Stop never shuts down a number that the system gave out again.
  ::close(fd);
  open_.erase(fd);
  changed_.NotifyAll();
}

void HttpServer::ServeRequests(Stream& stream, uint64_t number) {
  Pacer reading(rate_, stop_);
  Pacer writing(rate_, stop_);
  ConnectionReader reader(stream, reading);
  while (!stop_.stopped() && ServeOne(stream, writing, reader, number)) {
  }
}

bool HttpServer::ServeOne(Stream& stream, Pacer& pacer, ConnectionReader& reader, uint64_t number) {
  HttpRequest request;
  request.connection = number;
  const int malformed = reader.ReadHead(request);
  if (malformed < 0) return false;
  if (malformed > 0) {
    WriteResponse(stream, pacer, stop_, handler_.Malformed(malformed), false, false);
    CloseGently(stream.fd(), stop_);
    return false;
  }
  BodyReader body(reader, request);
  const HttpResponse response = handler_.Handle(request, body);
  if (stop_.stopped()) return false;
  const bool drained = response.fault == WireFault::kReset || body.Drain(kDrainBytesMax);
  const bool keep_alive = request.keep_alive && drained && !response.close;
  const bool usable = WriteResponse(stream, pacer, stop_, response, request.method == "HEAD", keep_alive);
  if (!usable && response.fault != WireFault::kReset) CloseGently(stream.fd(), stop_);
  return usable;
}

bool HttpServer::Stop() {
  stop_.Stop();
  if (listener_ >= 0) ::shutdown(listener_, SHUT_RDWR);
  if (accept_thread_.joinable()) accept_thread_.join();
  if (listener_ >= 0) ::close(listener_);
  listener_ = -1;
  const auto until = std::chrono::steady_clock::now() + std::chrono::milliseconds(500);
  MutexLock lock(mutex_);
  for (const int fd : open_) ::shutdown(fd, SHUT_RDWR);
  while (!open_.empty()) {
    const auto left = until - std::chrono::steady_clock::now();
    if (left <= left.zero()) return false;
    changed_.WaitFor(lock, left);
  }
  return true;
}

}  // namespace ossfs2::server
