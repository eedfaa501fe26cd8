#include "cli/daemon/signal_thread.h"

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <cerrno>

#include "base/report/log.h"

namespace ossfs2 {
namespace {

sigset_t DaemonSignals() {
  sigset_t set;
  sigemptyset(&set);
  for (const int number : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&set, number);
  return set;
}

int MakeSignalFd() {
  const sigset_t set = DaemonSignals();
  return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

}  // namespace

void BlockDaemonSignals() {
  signal(SIGPIPE, SIG_IGN);
  const sigset_t set = DaemonSignals();
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
}

SignalThread::SignalThread()
    : signal_fd_(MakeSignalFd()),
      stop_event_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      thread_([this] { Main(); }) {}

SignalThread::~SignalThread() {
  const uint64_t one = 1;
  [[maybe_unused]] const ssize_t wrote = write(stop_event_, &one, sizeof(one));
  thread_.join();
  close(signal_fd_);
  close(stop_event_);
}

void SignalThread::Handle(std::function<void()> on_stop, std::function<void()> on_reload) {
  MutexLock lock(mutex_);
  handled_ = true;
  on_stop_ = std::move(on_stop);
  on_reload_ = std::move(on_reload);
}

void SignalThread::Main() {
  while (true) {
    pollfd waited[2] = {{signal_fd_, POLLIN, 0}, {stop_event_, POLLIN, 0}};
    if (poll(waited, 2, -1) < 0 && errno != EINTR) return;
    if (waited[1].revents != 0) return;
    signalfd_siginfo info;
    if (waited[0].revents != 0 && read(signal_fd_, &info, sizeof(info)) == sizeof(info))
      Take(static_cast<int>(info.ssi_signo));
  }
}

void SignalThread::Take(int number) {
  // The lock is held during a handler, so that Handle(nullptr, ...) waits for its end. A handler may ask
  // the network for credentials; Stop is only delayed by that.
  MutexLock lock(mutex_);
  if (!handled_ && number != SIGHUP) {
    Log(LogLevel::kWarning, "stopped by a signal before the mount was there");
    FlushLog();
    _exit(128 + number);
  }
  const auto& handler = number == SIGHUP ? on_reload_ : on_stop_;
  if (handler) handler();
}

}  // namespace ossfs2
