#include "http/http_client.h"

#include "base/awaited.h"
#include "http/curl_client.h"
#include "http/lean_client.h"
#include "http/tls_context.h"

namespace ossfs2::http {

Result<Response> HttpClient::Fetch(Request request) {
  const auto answer = std::make_shared<Awaited<Result<Response>>>();
  Start(std::move(request), nullptr,
        [answer](Result<Response> result, const CallReport&) { answer->Set(std::move(result)); });
  return answer->Take();
}

Result<std::unique_ptr<HttpClient>> MakeHttpClient(const HttpConfig& config) {
  if (config.lean && config.proxy.empty()) return MakeLeanClient(config);
  // libcurl would look into a configured CA place at the first request only.
  if (!config.ca_file.empty() || !config.ca_dir.empty()) {
    if (auto tls = TlsContext::Make(config); !tls) return std::move(tls.error());
  }
  return MakeCurlClient(config);
}

}  // namespace ossfs2::http
