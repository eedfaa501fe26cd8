// ScriptedServer: a TCP or TLS server on a free loopback port whose every connection runs a
// script of the test on its own thread.
#pragma once

#include <atomic>
#include <functional>
#include <list>
#include <string>
#include <thread>

#include "base/threads/mutex.h"
#include "tests/http/test_certificates.h"

struct ssl_st;

namespace ossfs2::http {

// One accepted connection, as the script sees it.
class Peer {
 public:
  Peer(int fd, int number) : fd_(fd), number_(number) {}
  ~Peer();  // closes
  Peer(const Peer&) = delete;
  Peer& operator=(const Peer&) = delete;
  // The number of connections before this one.
  int number() const { return number_; }
  // Up to and including the empty line; empty when the client closed.
  std::string ReadHead();
  std::string ReadBody(size_t size);  // shorter when the client closed
  // The body after ReadHead, by its Content-Length.
  std::string ReadBodyOf(const std::string& head);
  bool Write(std::string_view bytes);
  // A byte a call, so that every boundary is met.
  bool WriteByteByByte(std::string_view bytes);
  // Blocks until the client closes or resets (or the server stops).
  void WaitForClose();
  void Reset();  // RST instead of FIN when the script ends

  // The server's side of the handshake; what follows is encrypted. False: it failed.
  bool StartTls(ssl_ctx_st* tls);
  ssl_st* ssl() const { return ssl_; }
  bool resumed() const;
  void EndWithoutGoodbye() { goodbye_ = false; }
  void SayGoodbye();  // close_notify; of the server when the script is over
  bool WriteRaw(std::string_view bytes);  // below TLS
  std::string PeekRaw(size_t size);

 private:
  ssize_t Read(void* to, size_t size);

  const int fd_;
  const int number_;
  ssl_st* ssl_ = nullptr;
  bool goodbye_ = true;
  std::string buffered_;
};

class ScriptedServer {
 public:
  using Script = std::function<void(Peer&)>;
  // The side of TLS that servers take from now on, unless they are given one; null: plain.
  static void SpeakByDefault(ServerTls tls);
  explicit ScriptedServer(Script script);
  ScriptedServer(Script script, ServerTls tls);
  ~ScriptedServer();
  uint16_t port() const { return port_; }
  int connections() const { return connections_; }

 private:
  void AcceptLoop();

  const Script script_;
  const ServerTls tls_;
  int listen_fd_ = -1;
  uint16_t port_ = 0;
  std::atomic<int> connections_{0};
  Mutex mutex_;
  bool stopping_ GUARDED_BY(mutex_) = false;
  std::list<int> fds_ GUARDED_BY(mutex_);
  std::list<std::thread> threads_;  // of the accept thread, then of the destructor
  std::thread acceptor_;
};

// Answers every request of the connection with the body "x".
void AnswerEverything(Peer& peer);
// "HTTP/1.1 200 OK" with Content-Length and the body.
std::string Ok(std::string_view body);
// Bytes that do not repeat.
std::string Pattern(size_t size);
// A port on which nobody listens.
uint16_t RefusedPort();

}  // namespace ossfs2::http
