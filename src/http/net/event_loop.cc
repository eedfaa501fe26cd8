#include "http/net/event_loop.h"

#include <pthread.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

#include "base/threads/time_slice.h"

namespace ossfs2::http {
namespace {

constexpr int kEventsPerRound = 64;
constexpr int kWaitMsMax = 60'000;
constexpr uint64_t kWakeTag = ~uint64_t{0};

uint64_t Tag(int fd, uint32_t generation) {
  return (static_cast<uint64_t>(generation) << 32) | static_cast<uint32_t>(fd);
}

}  // namespace

EventLoop::~EventLoop() {
  Stop();
  if (epoll_fd_ >= 0) close(epoll_fd_);
  if (wake_fd_ >= 0) close(wake_fd_);
}

Status EventLoop::Start(const std::string& name) {
  epoll_fd_ = epoll_create1(EPOLL_CLOEXEC);
  if (epoll_fd_ < 0) return ErrnoError(errno, "HTTP event loop: epoll_create1");
  wake_fd_ = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (wake_fd_ < 0) return ErrnoError(errno, "HTTP event loop: eventfd");
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.u64 = kWakeTag;
  if (epoll_ctl(epoll_fd_, EPOLL_CTL_ADD, wake_fd_, &event) != 0)
    return ErrnoError(errno, "HTTP event loop: epoll_ctl");
  now_ = std::chrono::steady_clock::now();
  // Signals belong to the main thread; a thread made here inherits this mask.
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  int failure = 0;
  try {
    thread_ = std::thread([this] { ThreadMain(); });
  } catch (const std::system_error& error) {
    failure = error.code().value();
  }
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  if (failure != 0) return ErrnoError(failure, "HTTP event loop: no thread can be made (ulimit -u, pids.max)");
  pthread_setname_np(thread_.native_handle(), name.substr(0, 15).c_str());
  return {};
}

void EventLoop::Stop() {
  if (!thread_.joinable()) return;
  {
    MutexLock lock(mutex_);
    stopping_ = true;
  }
  const uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = write(wake_fd_, &one, sizeof(one));
  thread_.join();
}

void EventLoop::Post(Task task) {
  {
    MutexLock lock(mutex_);
    if (ended_) return;
    posted_.push_back(std::move(task));
    // The loop thread looks at the list before it sleeps; others wake it once per list.
    if (posted_.size() > 1 || InLoop()) return;
  }
  const uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = write(wake_fd_, &one, sizeof(one));
}

Status EventLoop::Add(int fd, uint32_t events, Handler* handler) {
  const auto index = static_cast<size_t>(fd);
  if (index >= slots_.size()) slots_.resize(std::max(index + 1, slots_.size() * 2));
  Slot& slot = slots_[index];
  slot.handler = handler;
  ++slot.generation;
  epoll_event event{};
  event.events = events;
  event.data.u64 = Tag(fd, slot.generation);
  if (epoll_ctl(epoll_fd_, EPOLL_CTL_ADD, fd, &event) != 0) {
    slot.handler = nullptr;
    return ErrnoError(errno, "HTTP event loop: epoll_ctl");
  }
  return {};
}

void EventLoop::Modify(int fd, uint32_t events) {
  epoll_event event{};
  event.events = events;
  event.data.u64 = Tag(fd, slots_[static_cast<size_t>(fd)].generation);
  epoll_ctl(epoll_fd_, EPOLL_CTL_MOD, fd, &event);
}

void EventLoop::Remove(int fd) {
  const auto index = static_cast<size_t>(fd);
  if (index >= slots_.size() || slots_[index].handler == nullptr) return;
  slots_[index].handler = nullptr;
  ++slots_[index].generation;
  epoll_ctl(epoll_fd_, EPOLL_CTL_DEL, fd, nullptr);
}

EventLoop::TimerId EventLoop::At(SteadyTime when, Task task) {
  const TimerId id{when, next_timer_++};
  timers_.emplace(id, std::move(task));
  return id;
}

void EventLoop::CancelTimer(TimerId& timer) {
  if (timer.number != 0) timers_.erase(timer);
  timer = TimerId{};
}

int EventLoop::WaitMs() {
  {
    MutexLock lock(mutex_);
    if (!posted_.empty() || stopping_) return 0;
  }
  if (timers_.empty()) return kWaitMsMax;
  const auto left = timers_.begin()->first.when - std::chrono::steady_clock::now();
  if (left <= left.zero()) return 0;
  // Rounded up: waking early would spin until the timer is due.
  const auto ms = std::chrono::ceil<std::chrono::milliseconds>(left).count();
  return static_cast<int>(std::min<int64_t>(ms, kWaitMsMax));
}

void EventLoop::Dispatch(uint64_t tag, uint32_t events) {
  if (tag == kWakeTag) {
    uint64_t count = 0;
    [[maybe_unused]] const ssize_t got = read(wake_fd_, &count, sizeof(count));
    return;
  }
  const auto fd = static_cast<uint32_t>(tag);
  const auto generation = static_cast<uint32_t>(tag >> 32);
  if (fd >= slots_.size() || slots_[fd].generation != generation) return;
  if (Handler* const handler = slots_[fd].handler) handler->OnEvents(events);
}

void EventLoop::RunPosted() {
  std::vector<Task> tasks;
  {
    MutexLock lock(mutex_);
    tasks.swap(posted_);
  }
  for (Task& task : tasks) {
    task();
    task = nullptr;
  }
}

void EventLoop::RunTimers() {
  while (!timers_.empty() && timers_.begin()->first.when <= now_) {
    Task task = std::move(timers_.begin()->second);
    timers_.erase(timers_.begin());
    task();
  }
}

void EventLoop::ThreadMain() {
  AskForTimeSlice(kTransferSlice);
  epoll_event events[kEventsPerRound];
  for (;;) {
    const int count = epoll_wait(epoll_fd_, events, kEventsPerRound, WaitMs());
    now_ = std::chrono::steady_clock::now();
    for (int n = 0; n < count; ++n) Dispatch(events[n].data.u64, events[n].events);
    RunPosted();
    RunTimers();
    MutexLock lock(mutex_);
    if (stopping_ && posted_.empty()) {
      ended_ = true;
      return;
    }
  }
}

}  // namespace ossfs2::http
