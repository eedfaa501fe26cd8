// LoopSet: the event loops of one client, and which of them takes the next call.
//
// A call goes to the loop with the fewest calls; among equals to the loop that asks, else the first, so that single
// calls in a row share one kept connection. A client owns min(loop_threads, connections_max) loops, and each its share
// of connections_max.
// Threads: Start from any; Add before the first Start. The destructor ends every call with kCanceled and joins.
// Ownership: a Call that outlives the set does nothing.
#pragma once

#include <memory>
#include <utility>
#include <vector>

#include "http/client/http_client.h"
#include "http/client/http_config.h"

namespace ossfs2::http {

// The number of loops that a configuration asks for.
int LoopThreads(const HttpConfig& config);
// The part of connections_max that loop `index` of `loops` may use.
size_t ConnectionShare(const HttpConfig& config, int index, int loops);

// `Loop` runs calls of type `T` (LoopCalls).
template <class Loop, class T>
class LoopSet {
 public:
  LoopSet() = default;
  ~LoopSet() {
    for (const auto& loop : loops_) loop->Shutdown();
  }
  LoopSet(const LoopSet&) = delete;
  LoopSet& operator=(const LoopSet&) = delete;

  void Add(std::shared_ptr<Loop> loop) { loops_.push_back(std::move(loop)); }

  std::shared_ptr<Call> Start(std::shared_ptr<T> call) {
    Loop* best = loops_.front().get();
    for (const auto& loop : loops_) {
      if (loop->load() < best->load() || (loop->load() == best->load() && loop->InLoop())) best = loop.get();
    }
    auto handle = std::make_shared<Handle>(best->shared_from_this(), call);
    best->Start(std::move(call));
    return handle;
  }

 private:
  class Handle final : public Call {
   public:
    Handle(const std::shared_ptr<Loop>& loop, std::shared_ptr<T> call) : loop_(loop), call_(std::move(call)) {}
    void Cancel() override {
      if (const auto loop = loop_.lock()) loop->Cancel(call_);
    }

   private:
    const std::weak_ptr<Loop> loop_;
    const std::shared_ptr<T> call_;
  };

  std::vector<std::shared_ptr<Loop>> loops_;
};

}  // namespace ossfs2::http
