#include "cli/settings/endpoint_parts.h"

#include <charconv>

namespace ossfs2 {

std::string HostAndPort(std::string_view endpoint) {
  const size_t scheme = endpoint.find("://");
  if (scheme != std::string_view::npos) endpoint.remove_prefix(scheme + 3);
  return std::string(endpoint.substr(0, endpoint.find('/')));
}

EndpointParts SplitEndpoint(std::string_view endpoint) {
  EndpointParts parts;
  const size_t scheme = endpoint.find("://");
  parts.tls = scheme == std::string_view::npos || endpoint.substr(0, scheme) != "http";
  const std::string authority = HostAndPort(endpoint);
  endpoint = authority;
  parts.port = parts.tls ? 443 : 80;
  std::string_view port;
  if (!endpoint.empty() && endpoint[0] == '[') {  // [::1]:9000
    const size_t end = endpoint.find(']');
    parts.host = endpoint.substr(1, end == std::string_view::npos ? end : end - 1);
    if (end != std::string_view::npos && endpoint.substr(end + 1).rfind(':', 0) == 0)
      port = endpoint.substr(end + 2);
  } else {
    const size_t colon = endpoint.find(':');
    parts.host = endpoint.substr(0, colon);
    if (colon != std::string_view::npos) port = endpoint.substr(colon + 1);
  }
  uint16_t number = 0;
  if (std::from_chars(port.data(), port.data() + port.size(), number).ec == std::errc()) parts.port = number;
  return parts;
}

}  // namespace ossfs2
