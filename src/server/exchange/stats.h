// Stats: what the server counted, for GET /-/stats (ToJson). Thread-safe; counters are exact.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <string>

#include "server/exchange/exchange.h"

namespace ossfs2::server {

struct Stats {
  std::array<std::atomic<uint64_t>, kOperations> requests{};
  std::atomic<uint64_t> get_bytes{0};        // body bytes of objects sent
  std::atomic<uint64_t> get_bytes_asked{0};  // bytes of the ranges that were asked for
  std::atomic<uint64_t> put_bytes{0};        // body bytes of uploads received
  std::atomic<uint64_t> connections{0};
  std::atomic<uint64_t> connections_open{0};
  std::atomic<uint64_t> get_in_flight{0};
  std::atomic<uint64_t> get_in_flight_peak{0};
  std::atomic<uint64_t> faults{0};  // requests that a fault rule bent

  void BeginGet();
  void EndGet() { get_in_flight.fetch_sub(1); }
  // POST /-/reset. What is open or in flight now counts on.
  void Reset();
  std::string ToJson() const;
};

}  // namespace ossfs2::server
