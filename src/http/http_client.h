// HttpClient: asynchronous HTTP/1.1 requests with bodies streamed to and from
// memory of the caller.
//
// What it is: the one place that knows sockets. Two implementations behind the
// interface: a lean own one for http and https that receives, or decrypts, straight into
// the sink's memory (libcurl costs 0.13 CPU s/GiB more, with TLS 0.2), and
// libcurl for proxies. MakeHttpClient picks by the configuration.
//
// Threads: Start and Cancel may be called from any thread. Sink methods and Done
// run on the client's event-loop threads and must not block; Done runs exactly
// once, after the last sink call, also for a canceled call. It may call Start.
// Ownership: request body spans and sink memory stay valid until Done returns.
// Errors: kUnavailable (refused, reset, closed early, time-out; retryable),
// kCanceled, kInvalid. Any complete HTTP answer is a Response, whatever its status.
// Limits: see HttpConfig. Header names are matched without case.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "http/response_headers.h"
#include "ossfs2/status.h"

namespace ossfs2::http {

struct Header {
  std::string name;
  std::string value;
};

struct ResponseHead {
  int status = 0;
  ResponseHeaders headers;
  std::optional<std::string_view> Find(std::string_view name) const { return headers.Find(name); }
};

class BodySink {
 public:
  enum class Use : uint8_t {
    kStream,   // the body goes to NextBuffer/OnBytes
    kCollect,  // the body goes to Response::body (error documents)
    kCancel,   // stop here; Done gets kCanceled
  };
  virtual ~BodySink() = default;
  // Once, when the head of the final answer (not 1xx) is complete.
  virtual Use OnHead(const ResponseHead& head) = 0;
  // Where the next body bytes go. The same span may be asked for again until OnBytes.
  // Empty: no more bytes are wanted; the call ends with kCorrupt if more arrive.
  virtual std::span<std::byte> NextBuffer() = 0;
  // `size` bytes now lie at the front of the last NextBuffer.
  virtual void OnBytes(size_t size) = 0;
};

struct Request {
  std::string method = "GET";
  bool tls = false;
  std::string host;          // DNS name or address, without port; also SNI
  uint16_t port = 80;        // Host header gets ":port" unless it is the scheme's default
  std::string target = "/";  // encoded path and query, sent as it is
  std::vector<Header> headers;  // without Host and Content-Length, which the client adds
  std::vector<std::span<const std::byte>> body;  // Content-Length is their sum (0 is sent for PUT and POST)
  std::chrono::milliseconds connect_timeout{5000};
  std::chrono::milliseconds stall_timeout{15000};  // no byte moves for so long: kUnavailable
  SteadyTime deadline = SteadyTime::max();         // of the whole call
  size_t collect_bytes_max = 16u << 20;            // for bodies without sink, or collected
};

struct Response {
  ResponseHead head;
  std::string body;              // what did not go to a sink
  uint64_t streamed_bytes = 0;   // what went to the sink
  std::string remote_address;    // "10.0.0.1:80", for messages
};

class Call {
 public:
  virtual ~Call() = default;
  // Ends the call soon with kCanceled, unless it is done. Any thread.
  virtual void Cancel() = 0;
};

// What a call was doing, in this order.
enum class Phase : uint8_t { kQueue, kDns, kConnect, kTls, kSend, kAnswer, kBody };

// Why no answer came, where more is known than the phase.
enum class Cause : uint8_t {
  kOther,
  kName,         // the name has no address, or the name servers do not answer
  kProxy,        // it has no address or takes no connection
  kRefused,      // nothing listens at the port
  kUnreachable,  // no connection in time, or no way into the network
  kCertificate,  // it is not accepted; repeating does not mend that
  kNotHttp,      // the port does not speak the scheme
};

// How a call ended, for those who must know whether the server may have acted on it.
struct CallReport {
  Phase phase = Phase::kQueue;  // the last one
  Cause cause = Cause::kOther;  // of the error
  // Requests that went out in full and got no whole answer: each may have had its effect. Also a call that was
  // answered may have one: when a kept connection dies unanswered, the request is repeated on a fresh one.
  int answers_lost = 0;
  // From the begin of the last exchange to the last byte that moved: what of the time was not silence.
  std::chrono::nanoseconds moving{0};
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

struct HttpConfig {
  int loop_threads = 0;                     // 0: half the cores, 2 to 16
  int connections_max = 1024;               // to all hosts; more calls wait for one
  std::chrono::seconds idle_connection_max{45};  // OSS drops idle ones after 50-60 s
  std::chrono::seconds connection_age_max{300};  // so that DNS changes are followed
  std::chrono::seconds dns_cache_ttl{30};
  std::string proxy;                        // "http://host:port"; empty: none (the environment is not read)
  std::vector<std::string> source_addresses;  // bind_ips: used in turn; an unusable one rests for 30 s
  bool ipv6 = true;                         // false: resolve IPv4 only
  std::string ca_file;                      // PEM bundle; empty: SSL_CERT_FILE, then the system's
  std::string ca_dir;
  bool lean = true;                         // false: libcurl even without a proxy
};

// Spreads new connections over all addresses of a name. Never turns TLS checks off; TLS 1.2 or later.
// Errors: source addresses that are none, a configured CA place that cannot be used, no threads.
Result<std::unique_ptr<HttpClient>> MakeHttpClient(const HttpConfig& config);

}  // namespace ossfs2::http
