// MetricsEndpoint: HTTP for Prometheus. GET /metrics gives the registry, GET /healthz "ok".
//
// Bound to metrics_ip:metrics_port, no TLS, no secrets in any answer. Requests are bounded to 8 KiB.
// Threads: those of SocketServer answer; Start and the destructor from one thread. Errors: of binding the port.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "ossfs2/status.h"

namespace ossfs2 {

class SocketServer;

class MetricsEndpoint {
 public:
  static Result<std::unique_ptr<MetricsEndpoint>> Start(const std::string& address, uint16_t port);
  ~MetricsEndpoint();
  uint16_t port() const { return port_; }

 private:
  MetricsEndpoint();
  std::unique_ptr<SocketServer> server_;
  uint16_t port_ = 0;
};

// The whole answer to a request's text.
std::string AnswerMetricsRequest(std::string_view request);

}  // namespace ossfs2
