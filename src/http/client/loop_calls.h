// LoopCalls: the calls of one event loop, from the moment they are accepted until their Done has run.
//
// Both kinds of loop (LeanLoop, CurlLoop) keep their calls here and differ in how they run them. T is a LoopCall.
//
// Threads: CountIn and load from any; the rest on the loop thread only.
// Ownership: the loop's share of its calls; a call that has finished is gone from here.
// Limits: kWaitingMax calls wait for a connection.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <deque>
#include <memory>
#include <unordered_set>
#include <utility>
#include <vector>

#include "http/client/http_client.h"
#include "http/client/progress.h"
#include "http/net/event_loop.h"

namespace ossfs2::http {

// What a call of either client consists of. Touched by its event loop only.
struct LoopCall {
  Request request;
  std::shared_ptr<BodySink> sink;
  Done done;
  Progress progress{};
  EventLoop::TimerId watch{};  // for the next of its time limits
  bool finished = false;
};

template <class T>
class LoopCalls {
 public:
  static constexpr size_t kWaitingMax = 65536;
  using Ptr = std::shared_ptr<T>;

  explicit LoopCalls(EventLoop& loop) : loop_(loop) {}

  // How many calls the loop has, those on their way to it included.
  uint32_t load() const { return load_.load(std::memory_order_relaxed); }
  void CountIn() { load_.fetch_add(1, std::memory_order_relaxed); }

  void Add(const Ptr& call) {
    calls_.insert(call);
    call->progress.started = loop_.now();
  }
  std::vector<Ptr> All() const { return {calls_.begin(), calls_.end()}; }

  bool AnyWaits() const { return !waiting_.empty(); }
  // For a connection. False: too many wait already.
  bool Wait(const Ptr& call) {
    if (waiting_.size() >= kWaitingMax) return false;
    waiting_.push_back(call);
    return true;
  }
  // The one that waits longest; there must be one.
  Ptr TakeWaiting() {
    Ptr call = std::move(waiting_.front());
    waiting_.pop_front();
    return call;
  }

  // Calls `look(call)` when the call's next limit is due. A timer that comes early costs one look; a later one would be
  // late.
  template <class Look>
  void Watch(const Ptr& call, SteadyTime due, Look look) {
    if (call->watch.number != 0 && call->watch.when <= due) return;
    loop_.CancelTimer(call->watch);
    if (due != SteadyTime::max()) call->watch = loop_.At(due, [look, call] { look(call); });
  }

  // Runs the call's Done; once, later results are dropped.
  void Finish(const Ptr& call, Result<Response> result) {
    const Ptr keep = call;
    if (keep->finished) return;
    keep->finished = true;
    loop_.CancelTimer(keep->watch);
    if (keep->progress.phase == Phase::kQueue)
      if (const auto it = std::find(waiting_.begin(), waiting_.end(), keep); it != waiting_.end()) waiting_.erase(it);
    calls_.erase(keep);
    load_.fetch_sub(1, std::memory_order_relaxed);
    const Done done = std::move(keep->done);
    keep->sink.reset();
    keep->progress.moving = keep->progress.last_byte - keep->progress.exchange_began;
    done(std::move(result), keep->progress);
  }

 private:
  EventLoop& loop_;
  std::atomic<uint32_t> load_{0};
  std::unordered_set<Ptr> calls_;
  std::deque<Ptr> waiting_;
};

}  // namespace ossfs2::http
