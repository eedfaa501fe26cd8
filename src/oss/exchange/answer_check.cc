#include "oss/exchange/answer_check.h"

#include <algorithm>
#include <cerrno>
#include <charconv>

#include "base/values/str.h"
#include "http/message/call_report.h"
#include "http/message/response.h"
#include "oss/protocol/endpoint.h"
#include "oss/protocol/object_headers.h"
#include "oss/protocol/oss_xml.h"
#include "oss/signing/encoding.h"

namespace ossfs2::oss {
namespace {

constexpr std::chrono::milliseconds kRetryAfterMax{30'000};

bool Contains(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

std::string TransportAdvice(const http::CallReport& report, const Endpoint& endpoint) {
  switch (report.cause) {
    case http::Cause::kOther:
      return "";
    case http::Cause::kSlow:
      return "look for what slows some connections down: a bad link, or a limit for each connection";
    case http::Cause::kName:
      return StrCat("check the spelling of oss_endpoint (", endpoint.text, ") and oss_bucket (", endpoint.bucket,
                    "), and that DNS works on this host");
    case http::Cause::kProxy:
      return "check http_proxy and DNS";
    case http::Cause::kRefused:
      return StrCat("nothing listens at ", endpoint.host, ":", endpoint.port,
                    ": check the host and port of oss_endpoint, and firewalls");
    case http::Cause::kUnreachable:
      return StrCat("check the network and firewalls",
                    Contains(endpoint.host, "-internal")
                        ? "; internal endpoints answer only inside the same region"
                        : "; set http_proxy if only a proxy leads out");
    case http::Cause::kCertificate:
      return "the certificate is not trusted: set ca_file to your proxy's or server's CA, and check oss_endpoint";
    case http::Cause::kNotHttp:
      return StrCat("port ", endpoint.port, " does not speak ", endpoint.tls ? "https" : "http",
                    ": check the scheme and port of oss_endpoint");
  }
  return "";
}

bool HasMarker(const http::ResponseHead& head) {
  for (const char* name : {"x-oss-request-id", "x-amz-request-id"}) {
    if (const auto value = head.Find(name); value && !value->empty()) return true;
  }
  return false;
}

std::optional<std::chrono::milliseconds> RetryAfter(const http::ResponseHead& head) {
  const auto value = head.Find("retry-after");
  if (!value) return std::nullopt;
  int64_t seconds = 0;
  const auto [end, error] = std::from_chars(value->data(), value->data() + value->size(), seconds);
  if (error != std::errc() || end != value->data() + value->size()) {
    const auto date = ParseHttpDate(*value);  // compared with the answer's own clock
    if (!date || DateOf(head) == 0) return std::nullopt;
    seconds = *date - DateOf(head);
  }
  seconds = std::clamp<int64_t>(seconds, 0, kRetryAfterMax.count() / 1000);
  return std::chrono::milliseconds(seconds * 1000);
}

// An answer that OSS did not give.
Failure JudgeStranger(const http::ResponseHead& head, std::string_view body, const RequestNames& names,
                      const Endpoint& endpoint) {
  std::string why =
      StrCat("the answer (HTTP ", head.status,
             ") carries no x-oss-request-id, so it is not from OSS; a proxy or captive portal may have "
             "given it. Next: check oss_endpoint (",
             endpoint.text, "), http_proxy, and whether this network wants a login");
  if (Contains(body, "plain HTTP request was sent to HTTPS port")) {
    why = StrCat("port ", endpoint.port, " speaks https. Next: write https:// in oss_endpoint");
  }
  Failure failure;
  const bool is_busy = head.status >= 500 || head.status == 429;
  failure.error =
      MakeError(EIO, head.status >= 200 && head.status < 300 ? ErrorKind::kCorrupt : ErrorKind::kUnavailable,
                StrCat(DescribeRequest(names), " failed: ", why, "."));
  failure.error.retryable = true;
  failure.error.http_status = head.status;
  failure.remedy = is_busy && head.status != 500 && head.status != 502 ? Remedy::kThrottle : Remedy::kRetry;
  failure.retry_after = RetryAfter(head);
  failure.answers_lost = 1;
  return failure;
}

ServiceError ReadServiceError(const http::ResponseHead& head, std::string_view body) {
  ServiceError answer;
  answer.http_status = head.status;
  answer.request_id = head.Find("x-oss-request-id").value_or(std::string_view());
  if (ParseErrorXml(body, answer)) return answer;
  if (const auto err = head.Find("x-oss-err")) {  // HEAD has no body
    const auto xml = Base64Decode(*err);
    if (xml) ParseErrorXml(*xml, answer);
  }
  return answer;
}

// An error document that broke off: its code is unknown, so nothing can be decided by it.
bool IsCutError(const ServiceError& answer, std::string_view body) {
  return answer.code.empty() && (body.starts_with("<?xml") || body.starts_with("<Error"));
}

Failure JudgeServiceError(const ServiceError& answer, const http::ResponseHead& head,
                          const RequestNames& names) {
  Failure failure;
  failure.error = MakeServiceError(answer, names);
  failure.remedy = FindErrorRule(answer.http_status, answer.code).remedy;
  failure.retry_after = RetryAfter(head);
  const int64_t date = DateOf(head);
  if (date != 0) failure.date_s = date;
  // The service may have failed after it had done the work; copies and the end of an upload tell that behind a 200.
  const bool is_trouble = failure.remedy == Remedy::kRetry || failure.remedy == Remedy::kThrottle;
  failure.answers_lost = answer.http_status >= 500 || (answer.http_status < 300 && is_trouble) ? 1 : 0;
  return failure;
}

}  // namespace

Failure JudgeTransport(const Error& error, const http::CallReport& report, const RequestNames& names,
                       const Endpoint& endpoint) {
  Failure failure;
  failure.error = error;
  std::string text = StrCat(DescribeRequest(names), " failed: ", error.text, ".");
  const std::string advice = TransportAdvice(report, endpoint);
  if (!advice.empty()) text += StrCat(" Next: ", advice, ".");
  failure.error.text = std::move(text);
  if (error.kind == ErrorKind::kCanceled) {
    failure.error.errno_value = ECANCELED;
    return failure;
  }
  // Programs know EIO; what the socket said is in the text.
  failure.error.errno_value = error.kind == ErrorKind::kInvalid ? EINVAL : EIO;
  const bool is_final = error.kind == ErrorKind::kInvalid || error.kind == ErrorKind::kNoSpace ||
                        (error.kind == ErrorKind::kUnavailable && !error.retryable);  // a wrong certificate
  failure.error.retryable = !is_final;
  failure.remedy = is_final ? Remedy::kNone : Remedy::kRetry;
  failure.answers_lost = report.answers_lost;
  return failure;
}

std::optional<Failure> JudgeAnswer(const http::ResponseHead& head, std::string_view body,
                                   const RequestNames& names, const Endpoint& endpoint) {
  if (!HasMarker(head)) return JudgeStranger(head, body, names, endpoint);
  if (head.status >= 200 && head.status < 300) return std::nullopt;
  const ServiceError answer = ReadServiceError(head, body);
  Failure failure = JudgeServiceError(answer, head, names);
  if (IsCutError(answer, body) && failure.remedy == Remedy::kNone) {
    failure.remedy = Remedy::kRetry;
    failure.error.retryable = true;
  }
  return failure;
}

std::optional<Failure> JudgeErrorBody(const http::ResponseHead& head, std::string_view body,
                                      const RequestNames& names) {
  ServiceError answer = ReadServiceError(head, body);
  if (answer.code.empty()) return std::nullopt;
  return JudgeServiceError(answer, head, names);
}

Failure CorruptAnswer(const RequestNames& names, std::string_view why, std::string_view advice) {
  Failure failure;
  failure.error = MakeError(EIO, ErrorKind::kCorrupt,
                            StrCat(DescribeRequest(names), " failed: ", why, ". Next: ", advice, "."));
  failure.error.retryable = true;
  failure.remedy = Remedy::kRetry;
  failure.answers_lost = 1;
  return failure;
}

Failure FailureOf(Error error) {
  Failure failure;
  failure.remedy = error.retryable ? Remedy::kRetry : Remedy::kNone;
  failure.answers_lost = error.kind == ErrorKind::kCorrupt ? 1 : 0;
  failure.error = std::move(error);
  return failure;
}

}  // namespace ossfs2::oss
