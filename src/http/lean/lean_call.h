// LeanCall: one request of LeanClient from Start to Done. Touched by its event loop only.
#pragma once

#include <string>
#include <vector>

#include "http/client/loop_calls.h"
#include "http/net/address.h"

namespace ossfs2::http {

class LeanConnection;

struct LeanCall : LoopCall {
  std::string pool_key;   // "https://host:port"
  std::string head_text;  // request line and headers
  uint64_t body_bytes = 0;

  SteadyTime attempt_due = SteadyTime::max();  // this address has until then to accept
  std::vector<SocketAddress> addresses;        // still to try, the next one last
  LeanConnection* connection = nullptr;
  bool holds_slot = false;   // counts against connections_max before it has a connection
  bool needs_fresh = false;  // a reused connection had died under it: no second one
};

}  // namespace ossfs2::http
