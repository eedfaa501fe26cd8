#include "http/net/address.h"

#include <arpa/inet.h>

#include <algorithm>
#include <cstring>

#include "base/values/str.h"

namespace ossfs2::http {

std::optional<SocketAddress> SocketAddress::FromLiteral(std::string_view text, uint16_t port) {
  if (text.size() > 2 && text.front() == '[' && text.back() == ']') text = text.substr(1, text.size() - 2);
  const std::string zero_ended(text);
  SocketAddress out;
  auto* const v4 = reinterpret_cast<sockaddr_in*>(&out.storage);
  if (inet_pton(AF_INET, zero_ended.c_str(), &v4->sin_addr) == 1) {
    v4->sin_family = AF_INET;
    out.length = sizeof(sockaddr_in);
  } else {
    auto* const v6 = reinterpret_cast<sockaddr_in6*>(&out.storage);
    if (inet_pton(AF_INET6, zero_ended.c_str(), &v6->sin6_addr) != 1) return std::nullopt;
    v6->sin6_family = AF_INET6;
    out.length = sizeof(sockaddr_in6);
  }
  out.SetPort(port);
  return out;
}

SocketAddress SocketAddress::FromSockaddr(const sockaddr* address, socklen_t size) {
  SocketAddress out;
  out.length = std::min<socklen_t>(size, sizeof(out.storage));
  memcpy(&out.storage, address, out.length);
  return out;
}

void SocketAddress::SetPort(uint16_t port) {
  if (family() == AF_INET) reinterpret_cast<sockaddr_in*>(&storage)->sin_port = htons(port);
  if (family() == AF_INET6) reinterpret_cast<sockaddr_in6*>(&storage)->sin6_port = htons(port);
}

bool SocketAddress::IsLoopback() const {
  if (family() == AF_INET) {
    const auto* const v4 = reinterpret_cast<const sockaddr_in*>(&storage);
    return (ntohl(v4->sin_addr.s_addr) >> 24) == 127;
  }
  if (family() != AF_INET6) return false;
  const in6_addr& v6 = reinterpret_cast<const sockaddr_in6*>(&storage)->sin6_addr;
  return IN6_IS_ADDR_LOOPBACK(&v6) || (IN6_IS_ADDR_V4MAPPED(&v6) && v6.s6_addr[12] == 127);
}

std::string SocketAddress::ToString() const {
  char text[INET6_ADDRSTRLEN] = "?";
  if (family() == AF_INET) {
    const auto* const v4 = reinterpret_cast<const sockaddr_in*>(&storage);
    inet_ntop(AF_INET, &v4->sin_addr, text, sizeof(text));
    return StrCat(text, ":", ntohs(v4->sin_port));
  }
  if (family() != AF_INET6) return text;
  const auto* const v6 = reinterpret_cast<const sockaddr_in6*>(&storage);
  inet_ntop(AF_INET6, &v6->sin6_addr, text, sizeof(text));
  return StrCat("[", text, "]:", ntohs(v6->sin6_port));
}

}  // namespace ossfs2::http
