#include "tests/http/scripted_server.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>

#include "base/values/str.h"

namespace ossfs2::http {
namespace {

ServerTls& DefaultTls() {
  static ServerTls tls;
  return tls;
}

int Listen(uint16_t* port) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  if (bind(fd, reinterpret_cast<sockaddr*>(&address), size) != 0) abort();
  getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size);
  *port = ntohs(address.sin_port);
  return fd;
}

}  // namespace

Peer::~Peer() {
  SSL_free(ssl_);
  close(fd_);
}

bool Peer::StartTls(SSL_CTX* tls) {
  ssl_ = SSL_new(tls);
  if (SSL_set_fd(ssl_, fd_) == 1 && SSL_accept(ssl_) == 1) return true;
  goodbye_ = false;
  return false;
}

void Peer::SayGoodbye() {
  if (ssl_ != nullptr && goodbye_) SSL_shutdown(ssl_);
}

bool Peer::resumed() const { return SSL_session_reused(ssl_) == 1; }

ssize_t Peer::Read(void* to, size_t size) {
  return ssl_ == nullptr ? recv(fd_, to, size, 0) : SSL_read(ssl_, to, static_cast<int>(size));
}

std::string Peer::PeekRaw(size_t size) {
  std::string out(size, 0);
  const ssize_t got = recv(fd_, out.data(), size, MSG_PEEK | MSG_WAITALL);
  out.resize(static_cast<size_t>(std::max<ssize_t>(got, 0)));
  return out;
}

std::string Peer::ReadHead() {
  size_t end;
  while ((end = buffered_.find("\r\n\r\n")) == std::string::npos) {
    char bytes[4096];
    const ssize_t got = Read(bytes, sizeof(bytes));
    if (got <= 0) return "";
    buffered_.append(bytes, static_cast<size_t>(got));
  }
  std::string head = buffered_.substr(0, end + 4);
  buffered_.erase(0, end + 4);
  return head;
}

std::string Peer::ReadBody(size_t size) {
  while (buffered_.size() < size) {
    char bytes[65536];
    const ssize_t got = Read(bytes, std::min(sizeof(bytes), size - buffered_.size()));
    if (got <= 0) break;
    buffered_.append(bytes, static_cast<size_t>(got));
  }
  std::string body = buffered_.substr(0, size);
  buffered_.erase(0, size);
  return body;
}

std::string Peer::ReadBodyOf(const std::string& head) {
  const size_t at = head.find("Content-Length: ");
  return at == std::string::npos ? "" : ReadBody(strtoull(head.c_str() + at + 16, nullptr, 10));
}

bool Peer::Write(std::string_view bytes) {
  if (ssl_ == nullptr) return WriteRaw(bytes);
  return bytes.empty() || SSL_write(ssl_, bytes.data(), static_cast<int>(bytes.size())) > 0;
}

bool Peer::WriteRaw(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent <= 0) return false;
    bytes.remove_prefix(static_cast<size_t>(sent));
  }
  return true;
}

bool Peer::WriteByteByByte(std::string_view bytes) {
  for (const char& byte : bytes)
    if (!Write({&byte, 1})) return false;
  return true;
}

void Peer::WaitForClose() {
  char bytes[65536];
  while (Read(bytes, sizeof(bytes)) > 0) {
  }
}

void Peer::Reset() {
  const linger now{1, 0};
  setsockopt(fd_, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
  goodbye_ = false;
}

void ScriptedServer::SpeakByDefault(ServerTls tls) { DefaultTls() = std::move(tls); }

ScriptedServer::ScriptedServer(Script script) : ScriptedServer(std::move(script), DefaultTls()) {}

ScriptedServer::ScriptedServer(Script script, ServerTls tls) : script_(std::move(script)), tls_(std::move(tls)) {
  listen_fd_ = Listen(&port_);
  if (listen(listen_fd_, 256) != 0) abort();
  acceptor_ = std::thread([this] { AcceptLoop(); });
}

ScriptedServer::~ScriptedServer() {
  {
    MutexLock lock(mutex_);
    stopping_ = true;
    for (const int fd : fds_) shutdown(fd, SHUT_RDWR);
  }
  shutdown(listen_fd_, SHUT_RDWR);
  acceptor_.join();
  for (std::thread& thread : threads_) thread.join();
  close(listen_fd_);
}

void ScriptedServer::AcceptLoop() {
  for (;;) {
    const int fd = accept4(listen_fd_, nullptr, nullptr, SOCK_CLOEXEC);
    if (fd < 0) return;
    const int one = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    {
      MutexLock lock(mutex_);
      fds_.push_back(fd);
      if (stopping_) shutdown(fd, SHUT_RDWR);
    }
    threads_.emplace_back([this, fd, number = connections_++] {
      // OpenSSL writes to sockets without MSG_NOSIGNAL.
      sigset_t pipe_signal;
      sigemptyset(&pipe_signal);
      sigaddset(&pipe_signal, SIGPIPE);
      pthread_sigmask(SIG_BLOCK, &pipe_signal, nullptr);
      auto peer = std::make_unique<Peer>(fd, number);
      if (tls_ == nullptr || peer->StartTls(tls_.get())) script_(*peer);
      peer->SayGoodbye();
      MutexLock lock(mutex_);
      fds_.remove(fd);
      peer.reset();
    });
  }
}

void AnswerEverything(Peer& peer) {
  for (std::string head; !(head = peer.ReadHead()).empty(); peer.Write(Ok("x"))) peer.ReadBodyOf(head);
}

std::string Pattern(size_t size) {
  std::string out(size, 0);
  uint32_t state = 1;
  for (char& byte : out) {
    state = state * 1664525 + 1013904223;
    byte = static_cast<char>(state >> 24);
  }
  return out;
}

std::string Ok(std::string_view body) {
  return StrCat("HTTP/1.1 200 OK\r\nContent-Length: ", body.size(), "\r\n\r\n", body);
}

uint16_t RefusedPort() {
  uint16_t port = 0;
  close(Listen(&port));
  return port;
}

}  // namespace ossfs2::http
