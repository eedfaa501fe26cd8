// CallReport: how far a call came and what went wrong, as values that the caller decides by (the error's text is for
// people).
#pragma once

#include <chrono>
#include <cstdint>

namespace ossfs2::http {

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
  kSlow,         // the body moved too slowly (Request::slow_bytes_per_s)
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

}  // namespace ossfs2::http
