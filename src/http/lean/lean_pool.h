// LeanPool: the connections of one LeanLoop, and which of them are idle.
//
// A slot is a connection, or a call on its way to one; there are `slots_max`. An idle connection keeps its slot until
// another host needs it. The connection that was used last is taken first, so that those too many come to rest and are
// closed after idle_connection_max; none is used that is older than connection_age_max.
//
// Threads: the loop's only. Ownership: of the connections; one that is closed is destroyed by a later task of the loop,
// since its own code may be on the stack.
#pragma once

#include <cstddef>
#include <functional>
#include <list>
#include <memory>
#include <string>
#include <unordered_map>
#include <utility>

#include "http/client/http_config.h"
#include "http/lean/lean_connection.h"
#include "http/net/event_loop.h"

namespace ossfs2::http {

class LeanPool {
 public:
  // `freed` runs at once when a slot was given back.
  LeanPool(EventLoop& loop, const HttpConfig& config, size_t slots_max, std::function<void()> freed)
      : loop_(loop), config_(config), slots_max_(slots_max), freed_(std::move(freed)) {}

  bool HasSlot() const { return slots_used_ < slots_max_; }
  bool HasIdle() const { return !idle_.empty(); }
  void TakeSlot() { ++slots_used_; }
  void ReleaseSlot();

  // Takes over the slot of the call that it was made for.
  void Add(std::unique_ptr<LeanConnection> connection);
  // One for that scheme, host and port, no longer idle; null: none. A request that may not be repeated needs one that
  // is surely open. Those idle since `doubted` or before are closed.
  LeanConnection* TakeIdle(const std::string& pool_key, bool may_repeat, SteadyTime doubted);
  // Keeps it for the next call. False: it is too old, and closed.
  bool MakeIdle(LeanConnection& connection);
  void Close(LeanConnection& connection);
  void CloseIdle(LeanConnection& connection);
  void CloseLeastRecentlyUsed() { CloseIdle(*idle_.back()); }  // there is an idle one
  void CloseAllIdle();

 private:
  void SweepSoon();
  void Sweep();

  EventLoop& loop_;
  const HttpConfig& config_;
  const size_t slots_max_;
  const std::function<void()> freed_;
  size_t slots_used_ = 0;
  std::unordered_map<LeanConnection*, std::unique_ptr<LeanConnection>> connections_;
  std::list<LeanConnection*> idle_;  // the last used one first
  EventLoop::TimerId sweep_;
};

}  // namespace ossfs2::http
