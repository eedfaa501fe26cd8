// MakeHttpClient: which of the two clients a configuration needs.
//
// LeanClient is for http and https: it receives, or decrypts, straight into the sink's memory (libcurl costs 0.13 CPU
// s/GiB more, with TLS 0.2). CurlClient, over libcurl, is for proxies.
#pragma once

#include <memory>

#include "http/client/http_client.h"
#include "http/client/http_config.h"
#include "ossfs2/status.h"

namespace ossfs2::http {

// Spreads new connections over all addresses of a name. Never turns TLS checks off; TLS 1.2 or later.
// Errors: kInvalid for source addresses that are none and for a configured CA place that cannot be used; the system's
// when there is no thread or descriptor to be had.
Result<std::unique_ptr<HttpClient>> MakeHttpClient(const HttpConfig& config);

}  // namespace ossfs2::http
