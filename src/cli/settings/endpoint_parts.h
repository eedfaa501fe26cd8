// EndpointParts: scheme, host and port of an endpoint as users write it. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace ossfs2 {

struct EndpointParts {
  bool tls = true;   // a bare host means https
  std::string host;  // without brackets
  uint16_t port = 443;
};

EndpointParts SplitEndpoint(std::string_view endpoint);
// "HOST" or "HOST:PORT", as written.
std::string HostAndPort(std::string_view endpoint);

}  // namespace ossfs2
