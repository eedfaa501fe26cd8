// OssServer: a whole local OSS server, as main and the tests start it.
//
// Threads: its own are one that accepts and one for each connection (HttpServer); Start and Stop from one. The end
// stops.
// Errors of Start: a root that another server uses or that cannot be written, an address in use, too many fault
// rules, a certificate or log that cannot be opened; with errno and text.
#pragma once

#include <cstdint>
#include <memory>

#include "ossfs2/status.h"
#include "server/options.h"
#include "server/service.h"

namespace ossfs2::server {

class OssServer {
 public:
  // Opens the root, makes the buckets and the synthetic objects, and listens.
  static Result<std::unique_ptr<OssServer>> Start(const Options& options);
  ~OssServer() { Stop(); }

  uint16_t port() const { return http_.port(); }
  // True when every connection's thread is gone.
  bool Stop() { return http_.Stop(); }

 private:
  explicit OssServer(std::unique_ptr<Storage> storage)
      : storage_(std::move(storage)),
        service_(*storage_, stop_, tuning_),
        http_(service_, stop_, tuning_.rate_bytes_per_s) {}
  Status Configure(const Options& options);

  std::unique_ptr<Storage> storage_;
  StopSignal stop_;
  Tuning tuning_;
  OssService service_;
  HttpServer http_;
};

}  // namespace ossfs2::server
