#include "http/make_http_client.h"

#include "http/curl/curl_client.h"
#include "http/lean/lean_client.h"
#include "http/transport/tls_context.h"

namespace ossfs2::http {

Result<std::unique_ptr<HttpClient>> MakeHttpClient(const HttpConfig& config) {
  if (config.lean && config.proxy.empty()) return MakeLeanClient(config);
  // libcurl would look into a configured CA place at the first request only.
  if (!config.ca_file.empty() || !config.ca_dir.empty()) {
    if (auto tls = TlsContext::Make({config.ca_file, config.ca_dir}); !tls) return std::move(tls.error());
  }
  return MakeCurlClient(config);
}

}  // namespace ossfs2::http
