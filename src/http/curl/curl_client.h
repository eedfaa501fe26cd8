// CurlClient: the HttpClient over libcurl, for proxies (CurlLoop; LoopSet says which loop gets a call). The loops share
// nothing but the configuration.
#pragma once

#include <memory>

#include "http/client/http_client.h"
#include "http/client/http_config.h"

namespace ossfs2::http {

// Errors: an unreadable CA place, source addresses that are none, no threads.
Result<std::unique_ptr<HttpClient>> MakeCurlClient(const HttpConfig& config);

}  // namespace ossfs2::http
