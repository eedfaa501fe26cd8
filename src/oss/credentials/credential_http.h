// One HTTP call of a credential source: a URL in, status and body out. Blocks; at most 10 s.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "http/client/http_client.h"
#include "oss/credentials/credential_source.h"
#include "ossfs2/status.h"

namespace ossfs2 {
class Clock;
}

namespace ossfs2::oss {

struct HttpText {
  int status = 0;
  std::string body;
  // By so much this machine's clock is ahead of the service's; nothing when the answer has no Date.
  std::optional<int64_t> clock_ahead_s;
};

// `from` names the service in texts; `url` is http:// or https:// with host, optional port and target.
Result<HttpText> FetchText(http::HttpClient& http, Clock& clock, const std::string& from,
                           const std::string& method, const std::string& url,
                           std::vector<http::Header> headers, const std::string& body);

// The keys of a JSON answer (ParseCredentialJson), their expiry by this machine's clock. Of a server's trouble, and of
// one that was asked too much, the error is kUnavailable and retryable.
Result<Credentials> KeysOfAnswer(const HttpText& answer, const std::string& from);

// "FROM answered HTTP 503": of a server's trouble (5xx, 429) kUnavailable and retryable, else a refusal.
Error StatusError(const std::string& from, int status);

}  // namespace ossfs2::oss
