// Request: what one call asks for, and how long it may take. A value; the caller owns the bytes of `body`, which stay
// valid until the call's Done has returned.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/time/clock.h"

namespace ossfs2::http {

struct Header {
  std::string name;
  std::string value;
};

struct Request {
  std::string method = "GET";
  bool tls = false;
  std::string host;          // DNS name or address, without port; also SNI
  uint16_t port = 80;        // Host header gets ":port" unless it is the scheme's default
  std::string target = "/";  // encoded path and query, sent as it is
  std::vector<Header> headers;  // without Host and Content-Length, which the client adds
  std::vector<std::span<const std::byte>> body;  // Content-Length is their sum (0 is sent for PUT and POST)
  std::chrono::milliseconds connect_timeout{5000};
  std::chrono::milliseconds stall_timeout{15000};  // no byte moves for so long: kUnavailable
  SteadyTime deadline = SteadyTime::max();         // of the whole call
  // A body that moves, and more slowly than this, for pace_window: kUnavailable, Cause::kSlow. 0: any pace will do. One
  // that is sent goes on when the rest takes less time than all of it would at kPaceUsual times the limit. The lean
  // client only.
  uint64_t slow_bytes_per_s = 0;
  std::chrono::milliseconds pace_window{5000};
  static constexpr uint64_t kPaceUsual = 4;
  size_t collect_bytes_max = 16u << 20;            // for bodies without sink, or collected
};

}  // namespace ossfs2::http
