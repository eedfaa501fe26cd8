#include "server/exchange/stats.h"

#include "base/values/str.h"

namespace ossfs2::server {

void Stats::BeginGet() {
  const uint64_t now = get_in_flight.fetch_add(1) + 1;
  uint64_t peak = get_in_flight_peak.load();
  while (peak < now && !get_in_flight_peak.compare_exchange_weak(peak, now)) {
  }
}

void Stats::Reset() {
  for (auto& counter : requests) counter = 0;
  get_bytes = 0;
  get_bytes_asked = 0;
  put_bytes = 0;
  connections = connections_open.load();
  get_in_flight_peak = get_in_flight.load();
  faults = 0;
}

std::string Stats::ToJson() const {
  uint64_t total = 0;
  std::string by_name;
  for (size_t i = 0; i < kOperations; ++i) {
    const uint64_t count = requests[i].load();
    total += count;
    by_name += StrCat(i == 0 ? "" : ",", "\"", OperationName(static_cast<Operation>(i)), "\":", count);
  }
  return StrCat("{\"requests\":{", by_name, "},\"requests_total\":", total,
                ",\"get_bytes\":", get_bytes.load(), ",\"get_bytes_asked\":", get_bytes_asked.load(),
                ",\"put_bytes\":", put_bytes.load(), ",\"connections\":", connections.load(),
                ",\"connections_open\":", connections_open.load(),
                ",\"get_in_flight\":", get_in_flight.load(),
                ",\"get_in_flight_peak\":", get_in_flight_peak.load(), ",\"faults\":", faults.load(), "}\n");
}

}  // namespace ossfs2::server
