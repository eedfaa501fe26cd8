// HttpServer: accepts connections and serves each on its own thread, HTTP/1.1 with keep-alive.
//
// Threads: Start and Stop from one; the handler is called on the threads of the connections. Stop ends accept, sleeps
// and blocked calls. Start makes the process ignore SIGPIPE.
// Errors of Start: an address that is none or in use, a certificate or key that cannot be used.
// Limits: kConnectionsMax connections; more are closed at once. An idle one is closed after kSocketTimeoutSeconds, and
// so is one whose peer takes or sends nothing for so long.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <thread>
#include <unordered_set>

#include "base/threads/mutex.h"
#include "ossfs2/status.h"
#include "server/transport/http_message.h"
#include "server/transport/request_reader.h"
#include "server/transport/stop_signal.h"
#include "server/transport/stream.h"

namespace ossfs2::server {

inline constexpr size_t kConnectionsMax = 4096;
inline constexpr int kSocketTimeoutSeconds = 60;

class HttpHandler {
 public:
  virtual ~HttpHandler() = default;
  // Called on the connection's thread.
  virtual HttpResponse Handle(const HttpRequest& request, BodyReader& body) = 0;
  // The answer to a request that is not HTTP as it should be.
  virtual HttpResponse Malformed(int status) = 0;
  virtual void OnConnection(bool opened) = 0;
};

struct HttpServerConfig {
  std::string address = "127.0.0.1";
  uint16_t port = 0;
  std::string tls_certificate_file;  // empty: plain HTTP
  std::string tls_key_file;
};

class HttpServer {
 public:
  // `rate_bytes_per_s` (0: none) holds each connection's bodies; it and the others outlive the server.
  HttpServer(HttpHandler& handler, StopSignal& stop, const std::atomic<uint64_t>& rate_bytes_per_s)
      : handler_(handler), stop_(stop), rate_(rate_bytes_per_s) {}
  ~HttpServer();
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  Status Start(const HttpServerConfig& config);
  uint16_t port() const { return port_; }
  // Ends everything; waits at most half a second for the threads. True when all are gone.
  bool Stop() EXCLUDES(mutex_);

 private:
  void AcceptLoop();
  void Serve(int fd, uint64_t number);
  void Forget(int fd) EXCLUDES(mutex_);
  void ServeRequests(Stream& stream, uint64_t number);
  bool ServeOne(Stream& stream, Pacer& pacer, ConnectionReader& reader, uint64_t number);

  HttpHandler& handler_;
  StopSignal& stop_;
  const std::atomic<uint64_t>& rate_;
  std::unique_ptr<TlsContext> tls_;
  int listener_ = -1;
  uint16_t port_ = 0;
  std::thread accept_thread_;
  Mutex mutex_;
  CondVar changed_;
  std::unordered_set<int> open_ GUARDED_BY(mutex_);
};

}  // namespace ossfs2::server
