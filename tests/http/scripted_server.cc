#include "tests/http/scripted_server.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>

#include "base/str.h"

namespace ossfs2::http {
namespace {

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

std::string Peer::ReadHead() {
  size_t end;
  while ((end = buffered_.find("\r\n\r\n")) == std::string::npos) {
    char bytes[4096];
    const ssize_t got = recv(fd_, bytes, sizeof(bytes), 0);
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
    const ssize_t got = recv(fd_, bytes, std::min(sizeof(bytes), size - buffered_.size()), 0);
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
  while (recv(fd_, bytes, sizeof(bytes), 0) > 0) {
  }
}

void Peer::Reset() {
  const linger now{1, 0};
  setsockopt(fd_, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
}

ScriptedServer::ScriptedServer(Script script) : script_(std::move(script)) {
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
      Peer peer(fd, number);
      script_(peer);
      MutexLock lock(mutex_);
      fds_.remove(fd);
      close(fd);
    });
  }
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
