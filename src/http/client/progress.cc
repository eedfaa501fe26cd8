#include "http/client/progress.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>

#include "base/values/str.h"
#include "http/net/socket.h"

namespace ossfs2::http {
namespace {

const char* Doing(Phase phase) {
  switch (phase) {
    case Phase::kQueue:
      return "waiting for a free connection";
    case Phase::kDns:
      return "resolving the host name (DNS)";
    case Phase::kConnect:
      return "connecting";
    case Phase::kTls:
      return "negotiating TLS";
    case Phase::kSend:
      return "sending the request";
    case Phase::kAnswer:
      return "waiting for the answer";
    case Phase::kBody:
      return "receiving the body";
  }
  return "";
}

const char* NextStep(const CallReport& report) {
  if (report.cause == Cause::kProxy) return "check the proxy and the way to it";
  if (report.cause == Cause::kCertificate) return "check the CA bundle (ca_file or SSL_CERT_FILE) and the system clock";
  switch (report.phase) {
    case Phase::kQueue:
      return "allow more connections or lower the load";
    case Phase::kDns:
      return "check the spelling of the endpoint and the name servers in /etc/resolv.conf";
    case Phase::kConnect:
      return "check the endpoint, its port, and firewall or security group rules";
    case Phase::kTls:
      return "check that the port speaks TLS, and firewalls and load balancers on the way";
    case Phase::kSend:
    case Phase::kAnswer:
    case Phase::kBody:
      return "if repeating does not help, check the network path to the endpoint";
  }
  return "";
}

std::string Describe(const Request& request, const Progress& progress, SteadyTime now, std::string_view what) {
  std::string out =
      StrCat(request.method, " to ", request.tls ? "https://" : "http://", request.host, ":", request.port);
  if (!progress.address.empty()) out += StrCat(" (", progress.address, ")");
  out += StrCat(" failed while ", Doing(progress.phase), ": ", what, ", ", Seconds(now - progress.started),
                " after the start");
  if (progress.phase == Phase::kSend) out += StrCat(", ", progress.body_sent_bytes, " body bytes sent");
  if (progress.phase == Phase::kBody) out += StrCat(", ", progress.body_received_bytes, " body bytes received");
  return out + "; " + NextStep(progress);
}

}  // namespace

SteadyTime Progress::PhaseDue(const Request& request) const {
  switch (phase) {
    case Phase::kQueue:
      return SteadyTime::max();
    case Phase::kDns:
    case Phase::kConnect:
    case Phase::kTls:
      return connect_due;
    case Phase::kSend:
    case Phase::kAnswer:
    case Phase::kBody:
      return last_byte + request.stall_timeout;
  }
  return SteadyTime::max();
}

void Progress::BeginExchange(const Request& request, SteadyTime now) {
  exchange_began = last_byte = pace_began = now;
  pace_mark = 0;
  pace_sending = true;
  pace_due = request.slow_bytes_per_s > 0 ? now + request.pace_window : SteadyTime::max();
}

bool Progress::MovesTooSlowly(const Request& request, uint64_t body_bytes, int fd, SteadyTime now) {
  const bool sending = phase == Phase::kSend || phase == Phase::kAnswer;
  const uint64_t unsent = sending ? std::min(UnsentBytes(fd), body_sent_bytes) : 0;
  const uint64_t moved = sending ? body_sent_bytes - unsent : body_received_bytes;
  const uint64_t since = moved - std::min(moved, pace_mark);
  const double seconds = std::chrono::duration<double>(now - pace_began).count();
  const double limit = static_cast<double>(request.slow_bytes_per_s);
  // Nothing at all is a stall, which has its own limit: packets may be lost, and the wait for the answer is none.
  bool slow = sending == pace_sending && since > 0 && static_cast<double>(since) < limit * seconds;
  if (slow && sending) {
    const double rest = static_cast<double>(body_bytes - std::min(body_bytes, moved));
    const double all_s = static_cast<double>(body_bytes) / (limit * Request::kPaceUsual);
    slow = rest * seconds / static_cast<double>(since) > all_s;
  }
  pace_sending = sending;
  pace_began = now;
  pace_mark = moved;
  pace_due = now + request.pace_window;
  if (slow) cause = Cause::kSlow;
  return slow;
}

bool Progress::StillSending(int fd, SteadyTime now) {
  if (phase != Phase::kSend && phase != Phase::kAnswer) return false;
  const uint64_t unsent = UnsentBytes(fd);
  const bool moved = unsent_bytes == 0 ? unsent > 0 : unsent < unsent_bytes;
  unsent_bytes = unsent;
  if (moved) last_byte = now;
  return moved;
}

std::string Seconds(std::chrono::nanoseconds duration) {
  char text[32];
  snprintf(text, sizeof(text), "%.1f s", std::max(0.0, static_cast<double>(duration.count()) / 1e9));
  return text;
}

Cause CauseOfConnectError(int errno_value) {
  switch (errno_value) {
    case ECONNREFUSED:
      return Cause::kRefused;
    case ETIMEDOUT:
    case ENETUNREACH:
    case ENETDOWN:
    case EHOSTUNREACH:
    case EHOSTDOWN:
      return Cause::kUnreachable;
    default:
      return Cause::kOther;
  }
}

Error UnavailableError(const Request& request, const Progress& progress, SteadyTime now, std::string_view what) {
  Error error = MakeError(EIO, ErrorKind::kUnavailable, Describe(request, progress, now, what));
  error.retryable = true;
  return error;
}

Error LateError(const Request& request, Progress& progress, SteadyTime now) {
  if (progress.cause == Cause::kOther && progress.phase == Phase::kDns) progress.cause = Cause::kName;
  if (progress.cause == Cause::kOther && (progress.phase == Phase::kConnect || progress.phase == Phase::kTls))
    progress.cause = Cause::kUnreachable;
  if (request.deadline <= now)
    return UnavailableError(
        request, progress, now,
        StrCat("the deadline of the call (", Seconds(request.deadline - progress.started), ") passed"));
  if (progress.phase < Phase::kSend)
    return UnavailableError(request, progress, now,
                            StrCat("no connection within ", Seconds(request.connect_timeout), " (timed out)"));
  return UnavailableError(request, progress, now,
                          StrCat("no byte moved for ", Seconds(now - progress.last_byte), " (stalled)"));
}

Error CorruptError(const Request& request, const Progress& progress, SteadyTime now, std::string_view what) {
  return MakeError(EIO, ErrorKind::kCorrupt, Describe(request, progress, now, what));
}

Error CanceledError(const Request& request) {
  return MakeError(ECANCELED, ErrorKind::kCanceled,
                   StrCat(request.method, " to ", request.host, ":", request.port, " was canceled"));
}

}  // namespace ossfs2::http
