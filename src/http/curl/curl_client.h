// CurlClient: the HttpClient over libcurl, for proxies (CurlLoop; LoopSet says which loop gets a call). The loops share
// nothing but the configuration.
#pragma once

#include <memory>

#include "http/client/http_client.h"
#include "http/client/http_config.h"

namespace ossfs2::http {

// Errors: kInvalid for a CA place that cannot be read and for source addresses that are none; the system's when there
// is no thread or descriptor to be had.
Result<std::unique_ptr<HttpClient>> MakeCurlClient(const HttpConfig& config);

}  // namespace ossfs2::http
