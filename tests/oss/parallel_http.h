// ParallelHttp: an HttpClient whose calls each run on a thread of their own, so that they overlap as with the real
// clients. The handler may block, until whatever the test waits for; a call that is canceled meanwhile ends after it.
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <thread>
#include <vector>

#include "base/threads/mutex.h"
#include "tests/oss/fake_http.h"

namespace ossfs2::oss {

class ParallelHttp final : public http::HttpClient {
 public:
  using Handler = std::function<Reply(const SeenRequest&)>;  // called on the call's thread
  explicit ParallelHttp(Handler handler) : handler_(std::move(handler)) {}
  ~ParallelHttp() override {
    EndHanging();
    std::vector<std::thread> threads;
    {
      MutexLock lock(mutex_);
      threads.swap(threads_);
    }
    for (std::thread& thread : threads) thread.join();
  }

  std::shared_ptr<http::Call> Start(http::Request request, std::shared_ptr<http::BodySink> sink,
                                    http::Done done) override {
    auto call = std::make_shared<Pending>(*this);
    SeenRequest seen{request.method, request.host, request.target, request.headers, ""};
    MutexLock lock(mutex_);
    ++running_;
    threads_.emplace_back(
        [this, call, seen = std::move(seen), sink = std::move(sink), done = std::move(done)]() mutable {
          Run(*call, seen, sink.get(), done);
          sink.reset();
          done = nullptr;
          MutexLock ended(mutex_);
          --running_;
          changed_.NotifyAll();
        });
    return call;
  }

  // Calls that hang break their connections from now on, as after the time of silence that a client allows.
  void EndHanging() {
    MutexLock lock(mutex_);
    hanging_ends_ = true;
    changed_.NotifyAll();
  }
  // Whether only so many calls are left, in a minute.
  bool WaitForCalls(size_t count) {
    MutexLock lock(mutex_);
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while (running_ != count && std::chrono::steady_clock::now() < deadline)
      changed_.WaitFor(lock, std::chrono::seconds(1));
    return running_ == count;
  }

 private:
  struct Pending final : http::Call {
    explicit Pending(ParallelHttp& owner_) : owner(owner_) {}
    void Cancel() override {
      MutexLock lock(owner.mutex_);
      canceled = true;
      owner.changed_.NotifyAll();
    }
    ParallelHttp& owner;
    std::atomic<bool> canceled{false};
  };

  void Run(Pending& call, const SeenRequest& seen, http::BodySink* sink, const http::Done& done) {
    Reply reply = handler_(seen);
    if (reply.hangs) {
      MutexLock lock(mutex_);
      while (!call.canceled && !hanging_ends_) changed_.Wait(lock);
      reply.lost = true;
    }
    DeliverReply(seen, sink, done, reply, &call.canceled);
  }

  const Handler handler_;
  Mutex mutex_;
  CondVar changed_;
  std::vector<std::thread> threads_ GUARDED_BY(mutex_);
  size_t running_ GUARDED_BY(mutex_) = 0;
  bool hanging_ends_ GUARDED_BY(mutex_) = false;
};

}  // namespace ossfs2::oss
