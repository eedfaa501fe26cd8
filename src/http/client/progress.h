// Progress: what a call is doing and since when. It drives the time limits of a call
// and writes its error texts: host, address, phase, how long, and the next step.
//
// One thread at a time (the call's event loop).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/time/clock.h"
#include "http/message/call_report.h"
#include "http/message/request.h"
#include "ossfs2/status.h"

namespace ossfs2::http {

struct Progress : CallReport {
  SteadyTime started;
  SteadyTime exchange_began;
  SteadyTime last_byte;       // a byte moved, or the exchange began
  SteadyTime connect_due = SteadyTime::max();
  uint64_t body_sent_bytes = 0;
  uint64_t body_received_bytes = 0;
  uint64_t unsent_bytes = 0;  // held by the kernel when a stall was last looked at
  SteadyTime pace_due = SteadyTime::max();  // when the pace of the body is looked at
  SteadyTime pace_began;
  uint64_t pace_mark = 0;  // bytes that had moved then
  bool pace_sending = false;
  std::string address;        // "10.0.0.1:80"; empty before a connection

  // When the call is too late, apart from its deadline; max: never.
  SteadyTime PhaseDue(const Request& request) const;
  // An exchange begins.
  void BeginExchange(const Request& request, SteadyTime now);
  // Looks at the pace since the last look; true: it is below Request::slow_bytes_per_s.
  bool MovesTooSlowly(const Request& request, uint64_t body_bytes, int fd, SteadyTime now);
  // Looks whether the kernel still sends for us; true counts as a byte that moved.
  bool StillSending(int fd, SteadyTime now);
};

// "1.5 s"
std::string Seconds(std::chrono::nanoseconds duration);

// What errno of a connection that could not be made means.
Cause CauseOfConnectError(int errno_value);

// EIO, kUnavailable, retryable. Phase and cause choose the next step.
Error UnavailableError(const Request& request, const Progress& progress, SteadyTime now, std::string_view what);
// The deadline, connect or stall limit that `now` has passed. Notes the cause, unless one is known.
Error LateError(const Request& request, Progress& progress, SteadyTime now);
// EIO, kCorrupt: the body does not have the size that the caller has room for.
Error CorruptError(const Request& request, const Progress& progress, SteadyTime now, std::string_view what);
Error CanceledError(const Request& request);

}  // namespace ossfs2::http
