// LeanClient: the HttpClient for http:// and https:// without proxy (see LeanLoop).
//
// Calls go to the loop with the fewest calls; among equals to the loop that asks, else
// the first, so that single calls in a row share one kept connection. A client owns
// min(loop_threads, connections_max) threads, and each its share of connections_max.
#pragma once

#include <memory>

#include "http/http_client.h"
#include "http/resolver.h"

namespace ossfs2::http {

// `lookup` null: the system's. EINVAL for source addresses that are none
// and for configured CA places without certificates.
Result<std::unique_ptr<HttpClient>> MakeLeanClient(const HttpConfig& config, Resolver::Lookup lookup = nullptr);

// The number of loop threads that a configuration asks for.
int LoopThreads(const HttpConfig& config);
// The part of connections_max that loop `index` of `loops` may use.
size_t ConnectionShare(const HttpConfig& config, int index, int loops);

}  // namespace ossfs2::http
