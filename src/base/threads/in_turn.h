// RunInTurn: runs callbacks that lead to further ones each after the other, not one inside the other.
//
// Why: what gives memory or a place back starts who waits for it, and who ends at once gives it back again. With one
// level of the stack for each, thousands that wait would overflow it. So what a running callback leads to, on its
// thread, runs when it has returned, in order; the outermost call returns when all have run.
// Threads: any; each for itself. A callback must not wait for one that it has led to.
#pragma once

#include <deque>
#include <functional>
#include <utility>

namespace ossfs2 {

inline void RunInTurn(std::function<void()> call) {
  thread_local std::deque<std::function<void()>>* running = nullptr;
  if (running != nullptr) {
    running->push_back(std::move(call));
    return;
  }
  std::deque<std::function<void()>> turns;
  running = &turns;
  while (call) {
    call();
    call = nullptr;  // what it held may lead to more
    if (turns.empty()) continue;
    call = std::move(turns.front());
    turns.pop_front();
  }
  running = nullptr;
}

}  // namespace ossfs2
