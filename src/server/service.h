// OssService: the HTTP handler: addresses, authenticates, dispatches, and puts on what all answers share. Requests
// below /-/ are the server's own (admin.cc): counters, faults, settings.
//
// Threads: Handle, Malformed and OnConnection from any, each request on its connection's; the accessors before the
// first request. One per server. Ownership: what is passed in outlives it.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>

#include "server/auth/auth.h"
#include "server/faults.h"
#include "server/operations/handlers.h"
#include "server/request_log.h"
#include "server/transport/http_server.h"

namespace ossfs2::server {

// What POST /-/config may change while requests run.
struct Tuning {
  std::atomic<int64_t> latency_ns{0};
  std::atomic<uint64_t> rate_bytes_per_s{0};
};

class OssService final : public HttpHandler {
 public:
  OssService(Storage& storage, StopSignal& stop, Tuning& tuning)
      : context_{storage, stats_}, stop_(stop), tuning_(tuning) {}

  // To be set up before the first request.
  HandlerContext& context() { return context_; }
  AuthConfig& auth() { return auth_; }
  Addressing& addressing() { return addressing_; }
  KeyRing& keys() { return keys_; }
  Faults& faults() { return faults_; }
  Stats& stats() { return stats_; }
  RequestLog& log() { return log_; }

  HttpResponse Handle(const HttpRequest& request, BodyReader& body) override;
  HttpResponse Malformed(int status) override;
  void OnConnection(bool opened) override;

 private:
  // The operation, or what the fault puts in its place.
  Reply<HttpResponse> Run(Exchange& e, const std::optional<Fault>& fault);
  Reply<HttpResponse> Dispatch(Exchange& e);
  // The answer with what all share, bent by the fault.
  HttpResponse Finish(Exchange& e, Reply<HttpResponse> reply, const std::optional<Fault>& fault);
  HttpResponse ErrorAnswer(const Exchange& e, const ServiceError& error);
  // --- requests below /-/ (admin.cc) ---
  HttpResponse Admin(const HttpRequest& request, BodyReader& body);
  Status Configure(std::string_view query);
  std::string NewRequestId();

  Stats stats_;
  HandlerContext context_;
  AuthConfig auth_;
  Addressing addressing_;
  KeyRing keys_;
  Faults faults_;
  RequestLog log_;
  StopSignal& stop_;
  Tuning& tuning_;
  std::atomic<uint64_t> request_number_{0};
};

}  // namespace ossfs2::server
