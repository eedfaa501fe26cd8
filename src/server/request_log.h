// RequestLog: one JSON line for each request, written before its answer is sent (--requests-log).
//
// Threads: Open before the first request; Write from any. Errors: of Open, with errno; a line that cannot be written is
// lost, and the answer goes out all the same. Limits: none; the file is only added to.
#pragma once

#include <chrono>
#include <string>

#include "ossfs2/status.h"
#include "server/exchange/exchange.h"

namespace ossfs2::server {

class RequestLog {
 public:
  RequestLog() = default;
  ~RequestLog();
  RequestLog(const RequestLog&) = delete;
  RequestLog& operator=(const RequestLog&) = delete;

  Status Open(const std::string& path);
  bool enabled() const { return fd_ >= 0; }
  // `fault`: the name of the rule that bent it, or empty. Never has signatures or tokens.
  void Write(const Exchange& e, const HttpResponse& response, std::string_view fault,
             std::chrono::steady_clock::duration taken) const;

 private:
  int fd_ = -1;
};

// A JSON string, with quotes; bytes that are no UTF-8 are kept as they are.
std::string JsonString(std::string_view text);

}  // namespace ossfs2::server
