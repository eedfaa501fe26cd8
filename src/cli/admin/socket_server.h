// SocketServer: accepts connections on a listening socket and serves each on a thread of a
// small pool. It carries the admin socket and the metrics endpoint.
//
// Limits: 16 connections at once, more are closed at once. Handlers block only with the time limits of
// ReadUntil and WriteAll. Stop wakes and joins everything. Errors of making sockets name the address.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <unordered_set>

#include "base/threads/executor.h"
#include "base/threads/mutex.h"
#include "ossfs2/status.h"

namespace ossfs2 {

class SocketServer {
 public:
  static constexpr size_t kConnectionsMax = 16;
  using Handler = std::function<void(int fd)>;  // the fd is closed afterwards
  using Acceptor = std::function<int(int listening_fd)>;  // as accept(2): a descriptor, or -1 and errno

  SocketServer(int listening_fd, std::string name, Handler handler, Acceptor acceptor = AcceptConnection);
  ~SocketServer();
  SocketServer(const SocketServer&) = delete;
  SocketServer& operator=(const SocketServer&) = delete;

  // Between attempts while no descriptor is free and the spare one is taken: the connection stays in the queue, so poll
  // does not wait.
  static constexpr std::chrono::milliseconds kRetryInterval{20};

 private:
  static int AcceptConnection(int listening_fd);
  void Accept();
  int AcceptWithSpare() EXCLUDES(mutex_);  // as Acceptor
  void Serve(int fd);

  const int listening_fd_;
  const int stop_event_;
  const Handler handler_;
  const Acceptor acceptor_;
  Executor executor_;
  Mutex mutex_;
  std::unordered_set<int> connections_ GUARDED_BY(mutex_);
  // Given up for a connection when the process has no other descriptor: who asks what is wrong with it would wait until
  // idle connections to the service are closed.
  int spare_fd_ GUARDED_BY(mutex_);
  std::thread thread_;
};

// A private Unix socket (mode 0600); a left-over file at the path is replaced.
Result<int> ListenUnix(const std::string& path);
Result<int> ListenTcp(const std::string& address, uint16_t port);
// The port of a socket bound to port 0.
uint16_t BoundPort(int fd);
Result<int> ConnectUnix(const std::string& path);

// Reads until `end` was seen (included in the result), the peer closed, `size_max` bytes came or time is
// over; nullopt in the last two cases and when nothing came.
std::optional<std::string> ReadUntil(int fd, std::string_view end, size_t size_max,
                                     std::chrono::milliseconds limit);
bool WriteAll(int fd, std::string_view data, std::chrono::milliseconds limit);

}  // namespace ossfs2
