#include "http/http_client.h"

#include <strings.h>

#include <optional>

#include "base/mutex.h"
#include "http/curl_client.h"
#include "http/lean_client.h"
#include "http/tls_context.h"

namespace ossfs2::http {

const std::string* ResponseHead::Find(std::string_view name) const {
  for (const Header& header : headers)
    if (header.name.size() == name.size() && strncasecmp(header.name.data(), name.data(), name.size()) == 0)
      return &header.value;
  return nullptr;
}

Result<Response> HttpClient::Fetch(Request request) {
  struct Wait {
    Mutex mutex;
    CondVar came;
    std::optional<Result<Response>> result GUARDED_BY(mutex);
  };
  // Shared with Done: it may still be inside NotifyAll when the waiter is back already.
  const auto wait = std::make_shared<Wait>();
  Start(std::move(request), nullptr, [wait](Result<Response> result) {
    MutexLock lock(wait->mutex);
    wait->result.emplace(std::move(result));
    wait->came.NotifyAll();
  });
  MutexLock lock(wait->mutex);
  while (!wait->result) wait->came.Wait(lock);
  return std::move(*wait->result);
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
