#include "cli/commands/service_time.h"

#include <chrono>
#include <string_view>

#include "cli/settings/endpoint_parts.h"
#include "oss/signing/encoding.h"

namespace ossfs2 {

Result<http::Response> AskService(const StoreStack& stack, const Settings& settings) {
  const EndpointParts parts = SplitEndpoint(settings.oss.endpoint);
  http::Request request;
  request.method = "HEAD";
  request.tls = parts.tls;
  request.host = parts.host;
  request.port = parts.port;
  request.connect_timeout = settings.oss.connect_timeout;
  request.deadline = std::chrono::steady_clock::now() + MountStack::kProbeDeadline;
  return stack.http->Fetch(std::move(request));
}

std::optional<int64_t> TimeOf(const http::Response& answer) {
  return oss::ParseHttpDate(answer.head.Find("Date").value_or(std::string_view()));
}

}  // namespace ossfs2
