// SocketAddress: an IPv4 or IPv6 address with a port. A value.
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace ossfs2::http {

struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t length = 0;

  // From "10.0.0.1", "::1" or "[::1]"; nothing when the text is no address literal.
  static std::optional<SocketAddress> FromLiteral(std::string_view text, uint16_t port);
  static SocketAddress FromSockaddr(const sockaddr* address, socklen_t size);

  int family() const { return storage.ss_family; }
  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
  void SetPort(uint16_t port);
  bool IsLoopback() const;         // 127.0.0.0/8, ::1, and mapped ones
  std::string ToString() const;    // "10.0.0.1:80", "[::1]:80"
};

}  // namespace ossfs2::http
