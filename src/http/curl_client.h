// CurlClient: the HttpClient over libcurl, for proxies (see CurlLoop).
//
// The loops share nothing but the configuration; a call goes to the loop with the
// fewest calls, as in LeanClient.
#pragma once

#include <memory>

#include "http/http_client.h"

namespace ossfs2::http {

// Errors: an unreadable CA place, source addresses that are none, no threads.
Result<std::unique_ptr<HttpClient>> MakeCurlClient(const HttpConfig& config);

}  // namespace ossfs2::http
