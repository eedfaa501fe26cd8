// Resolver: names to addresses, without blocking the event loops.
//
// Lookups (getaddrinfo) run on at most kThreadsMax helper threads, of which one stays
// when all are done: at the thread limit of the machine or container it takes them all.
// Answers are kept for `ttl`, and serve on for kServeOn while they are asked for again beside: name servers that are
// silent hold up nobody who uses the name. Each Resolve gets the addresses rotated by one, so that new
// connections spread over all of them; the family that the system prefers goes
// first. An address that Rest named goes to the end for 30 seconds; when all of a name rest, the service may have
// moved, and the name is asked for again beside, at most once a second. When a lookup
// fails, or has taken kPatience, and an older answer (up to an hour) is known, that one is used: a short
// outage of the name servers should not stop a mount. One that takes kAskOver gets another beside it.
//
// Threads: any. The callback runs in the caller when the answer is known, else on a
// helper thread, or in the caller when there is none and none can be made. Helper threads are detached, because
// getaddrinfo cannot be interrupted; they share the state and outlive the resolver harmlessly.
// Limits: kHostsMax names in the cache, kThreadsMax lookups at once (others wait).
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "http/net/address.h"
#include "ossfs2/status.h"

namespace ossfs2::http {

class Resolver {
 public:
  static constexpr size_t kHostsMax = 1024;
  static constexpr size_t kThreadsMax = 4;
  static constexpr std::chrono::seconds kRest{30};
  static constexpr std::chrono::seconds kAskAgain{1};
  // As long as connections that are open may go on with an old address (connection_age_max).
  static constexpr std::chrono::seconds kServeOn{300};
  static constexpr std::chrono::seconds kPatience{1};
  static constexpr std::chrono::seconds kAskOver{2};

  using Addresses = std::vector<SocketAddress>;
  using Callback = std::function<void(Result<Addresses>)>;
  // Blocking; ports are 0. Replaced by tests.
  using Lookup = std::function<Result<Addresses>(const std::string& host)>;

  Resolver(std::chrono::seconds ttl, Lookup lookup);
  ~Resolver();
  Resolver(const Resolver&) = delete;
  Resolver& operator=(const Resolver&) = delete;

  void Resolve(const std::string& host, uint16_t port, Callback callback);
  // A connection to this address failed; the port matters.
  void Rest(const SocketAddress& address);

  // getaddrinfo; `ipv6` false asks for IPv4 only.
  static Lookup SystemLookup(bool ipv6);

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace ossfs2::http
