// EventLoop: one thread around one epoll set, with timers and posted tasks.
//
// Both HTTP clients run on it. Level-triggered: a handler that leaves bytes in a
// socket is called again, which is what keeps busy connections fair to others.
//
// Threads: Post from any thread; everything else on the loop thread only (InLoop).
// Handlers, timers and tasks must not block. Ownership: a handler must stay alive
// until Remove; events already fetched for a removed or replaced descriptor are dropped.
// Stop runs every task that was posted before it, joins, and drops later posts and
// pending timers.
#pragma once

#include <compare>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "base/threads/mutex.h"
#include "base/time/clock.h"
#include "ossfs2/status.h"

namespace ossfs2::http {

class EventLoop {
 public:
  class Handler {
   public:
    // `events` are EPOLL* bits. May be called although nothing is ready.
    virtual void OnEvents(uint32_t events) = 0;

   protected:
    ~Handler() = default;
  };
  // Names a pending timer; number 0 names none.
  struct TimerId {
    SteadyTime when;
    uint64_t number = 0;
    auto operator<=>(const TimerId&) const = default;
  };
  using Task = std::function<void()>;

  EventLoop() = default;
  ~EventLoop();
  EventLoop(const EventLoop&) = delete;
  EventLoop& operator=(const EventLoop&) = delete;

  // Opens the descriptors and starts the thread. EMFILE and the like come back as errors.
  Status Start(const std::string& name);
  void Stop() EXCLUDES(mutex_);
  void Post(Task task) EXCLUDES(mutex_);
  bool InLoop() const { return std::this_thread::get_id() == thread_.get_id(); }

  Status Add(int fd, uint32_t events, Handler* handler);
  void Modify(int fd, uint32_t events);
  void Remove(int fd);
  TimerId At(SteadyTime when, Task task);
  void CancelTimer(TimerId& timer);  // and sets it to none
  // The time at which this round of events began; saves a clock call per event.
  SteadyTime now() const { return now_; }

 private:
  struct Slot {
    Handler* handler = nullptr;
    uint32_t generation = 0;  // tells an old event of a reused descriptor from a new one
  };
  void ThreadMain();
  int WaitMs() EXCLUDES(mutex_);
  void Dispatch(uint64_t tag, uint32_t events);
  void RunPosted() EXCLUDES(mutex_);
  void RunTimers();

  int epoll_fd_ = -1;
  int wake_fd_ = -1;
  std::vector<Slot> slots_;  // by descriptor
  std::map<TimerId, Task> timers_;
  uint64_t next_timer_ = 1;
  SteadyTime now_;

  Mutex mutex_;
  std::vector<Task> posted_ GUARDED_BY(mutex_);
  bool stopping_ GUARDED_BY(mutex_) = false;
  bool ended_ GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace ossfs2::http
