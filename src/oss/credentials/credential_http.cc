#include "oss/credentials/credential_http.h"

#include <cerrno>
#include <charconv>
#include <string_view>

#include "base/time/clock.h"
#include "base/values/str.h"
#include "oss/credentials/credential_json.h"
#include "oss/signing/encoding.h"

namespace ossfs2::oss {
namespace {

constexpr std::chrono::milliseconds kConnectTimeout{2000};
constexpr std::chrono::milliseconds kTimeout{10'000};
constexpr size_t kAnswerBytesMax = 1 << 20;

bool IsTrouble(int status) { return status >= 500 || status == 429; }

bool ParseUrl(std::string_view url, http::Request& request) {
  if (url.starts_with("https://")) {
    request.tls = true;
    request.port = 443;
    url.remove_prefix(8);
  } else if (url.starts_with("http://")) {
    request.tls = false;
    request.port = 80;
    url.remove_prefix(7);
  } else {
    return false;
  }
  const size_t slash = url.find_first_of("/?");
  std::string_view host = url.substr(0, slash);
  request.target = slash == std::string_view::npos ? "/" : std::string(url.substr(slash));
  if (request.target.front() == '?') request.target.insert(0, "/");
  const size_t colon = host.rfind(':');
  if (colon != std::string_view::npos && !host.ends_with(']')) {
    const std::string_view port = host.substr(colon + 1);
    const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), request.port);
    if (error != std::errc() || end != port.data() + port.size()) return false;
    host = host.substr(0, colon);
  }
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  request.host = host;
  return !host.empty() && host.find('@') == std::string_view::npos;
}

}  // namespace

Result<HttpText> FetchText(http::HttpClient& http, Clock& clock, const std::string& from,
                           const std::string& method, const std::string& url,
                           std::vector<http::Header> headers, const std::string& body) {
  http::Request request;
  request.method = method;
  if (!ParseUrl(url, request))
    return MakeError(EINVAL, ErrorKind::kInvalid,
                     StrCat(from, ": ", url, " is no URL. Next: give it as http://HOST/PATH"));
  request.headers = std::move(headers);
  if (!body.empty()) request.body = {std::as_bytes(std::span(body.data(), body.size()))};
  request.connect_timeout = kConnectTimeout;
  request.stall_timeout = kTimeout;
  request.deadline = clock.NowSteady() + kTimeout;
  request.collect_bytes_max = kAnswerBytesMax;
  auto response = http.Fetch(std::move(request));
  if (!response) {
    Error error = response.error();
    error.text = StrCat(from, " gave no answer: ", error.text);
    error.errno_value = EIO;
    return error;
  }
  HttpText text{response->head.status, std::move(response->body), std::nullopt};
  if (const auto date_s = ParseHttpDate(response->head.Find("date").value_or(std::string_view())))
    text.clock_ahead_s = clock.NowWallNs() / 1'000'000'000 - *date_s;
  return text;
}

Result<Credentials> KeysOfAnswer(const HttpText& answer, const std::string& from) {
  auto keys = ParseCredentialJson(answer.body, from);
  if (keys) {
    // Whoever gave them sees their end by a clock that may be days from ours.
    if (keys->expires_s) *keys->expires_s += answer.clock_ahead_s.value_or(0);
    return keys;
  }
  Error& error = keys.error();
  error.http_status = answer.status;
  // STS says so with a 400.
  if (IsTrouble(answer.status) || error.oss_code.starts_with("Throttling")) {
    error.retryable = true;
    error.kind = ErrorKind::kUnavailable;
  }
  return keys;
}

Error StatusError(const std::string& from, int status) {
  const bool may_pass = IsTrouble(status);
  Error error = MakeError(EACCES, may_pass ? ErrorKind::kUnavailable : ErrorKind::kAccessDenied,
                          StrCat(from, " answered HTTP ", status,
                                 ". Next: see what it answers when asked by hand on this machine"));
  error.http_status = status;
  error.retryable = may_pass;
  return error;
}

}  // namespace ossfs2::oss
