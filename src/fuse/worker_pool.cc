#include "fuse/worker_pool.h"

#include <pthread.h>

#include <cerrno>
#include <chrono>
#include <csignal>

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

}  // namespace

WorkerPool::WorkerPool(fuse_session* session, int threads, LandingZone::Maker make_landing,
                       std::function<void()> ended)
    : session_(session), thread_count_(threads), make_landing_(std::move(make_landing)), ended_(std::move(ended)) {}

void WorkerPool::Start() {
  InstallWakeHandler();
  running_ = thread_count_;
  for (int i = 0; i < thread_count_; ++i) {
    threads_.emplace_back([this] { ThreadMain(); });
    pthread_setname_np(threads_.back().native_handle(), "fuse");
  }
}

void WorkerPool::ThreadMain() {
  fuse_buf buffer{};
  buffer.mem = buffers_.Get();
  LandingZone zone(make_landing_);
  while (!fuse_session_exited(session_)) {
    zone.Prepare();
    const int size = fuse_session_receive_buf(session_, &buffer);
    if (size == -EINTR || size == -EAGAIN) continue;
    if (size <= 0) {
      // Both say that the connection was ended, by an unmount or an abort; ECONNABORTED to who was taking a request.
      if (size < 0 && size != -ENODEV && size != -ECONNABORTED) failure_ = size;
      break;
    }
    RequestBuffers::SetCurrent(&buffers_, &buffer);
    fuse_session_process_buf(session_, &buffer);
    RequestBuffers::SetCurrent(nullptr, nullptr);
  }
  buffers_.Put(buffer.mem);
  if (!end_told_.exchange(true)) ended_();
  --running_;
}

void WorkerPool::WakeAndJoin() {
  while (running_ > 0) {
    for (std::thread& thread : threads_) pthread_kill(thread.native_handle(), WakeSignal());
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  Join();
}

void WorkerPool::Join() {
  for (std::thread& thread : threads_)
    if (thread.joinable()) thread.join();
  threads_.clear();
}

}  // namespace ossfs2
