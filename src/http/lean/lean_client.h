// LeanClient: the HttpClient for http:// and https:// without proxy (LeanLoop; LoopSet says which loop gets a call).
#pragma once

#include <memory>

#include "http/client/http_client.h"
#include "http/client/http_config.h"
#include "http/net/resolver.h"

namespace ossfs2::http {

// `lookup` null: the system's. Errors: kInvalid for source addresses that are none and for configured CA places without
// certificates; the system's when there is no thread or descriptor to be had.
Result<std::unique_ptr<HttpClient>> MakeLeanClient(const HttpConfig& config, Resolver::Lookup lookup = nullptr);

}  // namespace ossfs2::http
