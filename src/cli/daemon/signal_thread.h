// SignalThread: turns SIGTERM, SIGINT and SIGHUP into calls on one thread.
//
// BlockDaemonSignals must run before any other thread starts. Before handlers are set, SIGTERM and SIGINT end
// the process at once (nothing is mounted then). Handlers may block.
#pragma once

#include <functional>
#include <thread>

#include "base/threads/mutex.h"

namespace ossfs2 {

void BlockDaemonSignals();

class SignalThread {
 public:
  SignalThread();
  ~SignalThread();
  SignalThread(const SignalThread&) = delete;
  SignalThread& operator=(const SignalThread&) = delete;
  // Null handlers: the signals are ignored from now on. Returns after a running handler ended.
  void Handle(std::function<void()> on_stop, std::function<void()> on_reload) EXCLUDES(mutex_);

 private:
  void Main();
  void Take(int number) EXCLUDES(mutex_);

  const int signal_fd_;
  const int stop_event_;
  Mutex mutex_;
  bool handled_ GUARDED_BY(mutex_) = false;
  std::function<void()> on_stop_ GUARDED_BY(mutex_);
  std::function<void()> on_reload_ GUARDED_BY(mutex_);
  std::thread thread_;
};

}  // namespace ossfs2
