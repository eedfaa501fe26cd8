// HttpClient: asynchronous HTTP/1.1 requests with bodies streamed to and from
// memory of the caller. The layer's one interface; make_http_client.h makes one.
//
// Threads: Start and Cancel may be called from any thread. Sink methods and Done
// run on the client's event-loop threads and must not block; Done runs exactly
// once, after the last sink call, also for a canceled call. It may call Start.
// Ownership: request body spans and sink memory stay valid until Done returns.
// Errors: kUnavailable (refused, reset, closed early, time-out; retryable),
// kCanceled, kInvalid, and kCorrupt for a body of another size than there is room for. Any
// complete HTTP answer is a Response, whatever its status.
// Limits: see HttpConfig. Header names are matched without case.
#pragma once

#include <functional>
#include <memory>

#include "http/message/call_report.h"
#include "http/message/request.h"
#include "http/message/response.h"
#include "ossfs2/status.h"

namespace ossfs2::http {

class Call {
 public:
  virtual ~Call() = default;
  // Ends the call soon with kCanceled, unless it is done. Any thread.
  virtual void Cancel() = 0;
};

using Done = std::function<void(Result<Response>, const CallReport&)>;

class HttpClient {
 public:
  virtual ~HttpClient() = default;
  // `sink` may be null: the body is collected.
  virtual std::shared_ptr<Call> Start(Request request, std::shared_ptr<BodySink> sink, Done done) = 0;
  // Start and wait. Never from an event-loop thread.
  Result<Response> Fetch(Request request);
};

}  // namespace ossfs2::http
