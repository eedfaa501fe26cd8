#include "fuse/session/worker_pool.h"

#include <linux/fuse.h>
#include <pthread.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <cstring>

#include "base/report/log.h"
#include "base/values/str.h"

namespace ossfs2 {
namespace {

// Only interrupts read(2); the handler does nothing.
int WakeSignal() { return SIGRTMIN + 3; }

void InstallWakeHandler() {
  struct sigaction action{};
  action.sa_handler = [](int) {};
  sigemptyset(&action.sa_mask);
  sigaction(WakeSignal(), &action, nullptr);  // without SA_RESTART
}

bool IsAnswered(uint32_t opcode) {
  return opcode != FUSE_FORGET && opcode != FUSE_BATCH_FORGET && opcode != FUSE_INTERRUPT &&
         opcode != FUSE_NOTIFY_REPLY;
}

// Of reads of the device (fs/fuse/dev.c, fuse_dev_do_read): the connection was ended, by an unmount or an abort
// (ECONNABORTED to who was taking a request), or there is none, or the buffer is too small. After any other error the
// kernel has ended the one request that it could not copy, for want of memory mostly, with EIO, and the connection goes
// on.
bool IsFinal(int error) {
  return error == ENODEV || error == ECONNABORTED || error == EBADF || error == EPERM || error == EINVAL;
}

constexpr auto kRetryPause = std::chrono::milliseconds(10);

}  // namespace

WorkerPool::WorkerPool(fuse_session* session, int threads, LandingZone::Maker make_landing,
                       std::function<void()> ended)
    : session_(session), thread_count_(threads), make_landing_(std::move(make_landing)), ended_(std::move(ended)) {}

void WorkerPool::Launch(const char* name, void (WorkerPool::*main)()) {
  ++running_;
  threads_.emplace_back([this, main] {
    (this->*main)();
    --running_;
  });
  pthread_setname_np(threads_.back().native_handle(), name);
}

void WorkerPool::Start() {
  InstallWakeHandler();
  for (int i = 0; i < thread_count_; ++i) Launch("fuse", &WorkerPool::Serve);
}

void WorkerPool::StopServing() {
  WakeAndJoin();
  leaving_ = false;
  Launch("refuse", &WorkerPool::Refuse);
}

void WorkerPool::End() { WakeAndJoin(); }

int WorkerPool::Receive(fuse_buf& buffer) const {
  const int size = fuse_session_receive_buf(session_, &buffer);
  if (size > 0) return size;
  if (size == 0) return -ENODEV;  // libfuse's word for it
  if (size == -EINTR || size == -EAGAIN) return 0;
  if (IsFinal(-size)) return size;
  LogLimited(LogLevel::kWarning,
             StrCat("a request could not be read from /dev/fuse and fails with EIO: ", strerror(-size)));
  std::this_thread::sleep_for(kRetryPause);
  return 0;
}

void WorkerPool::Serve() {
  fuse_buf buffer{};
  LandingZone zone(make_landing_);
  while (Goes()) {
    zone.Prepare();
    const int size = Receive(buffer);
    if (size == 0) continue;
    if (size < 0) {
      if (size != -ENODEV && size != -ECONNABORTED) failure_ = size;
      break;
    }
    fuse_session_process_buf(session_, &buffer);
  }
  free(buffer.mem);  // libfuse allocates it
  if (!leaving_ && !end_told_.exchange(true)) ended_();
}

void WorkerPool::Refuse() {
  fuse_buf buffer{};
  while (Goes()) {
    const int size = Receive(buffer);
    if (size == 0) continue;
    if (size < 0) break;
    fuse_in_header request;
    if (static_cast<size_t>(size) < sizeof(request)) continue;
    memcpy(&request, buffer.mem, sizeof(request));
    if (!IsAnswered(request.opcode)) continue;
    const fuse_out_header refusal{sizeof(fuse_out_header), -EIO, request.unique};
    // It fails for a program that was killed meanwhile.
    [[maybe_unused]] const ssize_t wrote = write(fuse_session_fd(session_), &refusal, sizeof(refusal));
  }
  free(buffer.mem);
}

void WorkerPool::WakeAndJoin() {
  leaving_ = true;
  while (running_ > 0) {
    for (std::thread& thread : threads_) pthread_kill(thread.native_handle(), WakeSignal());
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
}

}  // namespace ossfs2
