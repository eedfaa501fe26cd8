// CurlLoop: one event-loop thread of CurlClient: a curl_multi driven by epoll through curl_multi_socket_action, its
// calls (LoopCalls), and the queue before its connection cap.
//
// Threads: Start, Cancel, load and Shutdown from any; the rest on the loop thread.
// Limits: connections_max transfers run at once, LoopCalls::kWaitingMax more wait in order, later ones fail with
// kUnavailable; kIdleHandlesMax easy handles are kept for reuse.
#pragma once

#include <curl/curl.h>

#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "http/curl/curl_call.h"

namespace ossfs2::http {

class CurlLoop : public std::enable_shared_from_this<CurlLoop> {
 public:
  static constexpr size_t kIdleHandlesMax = 32;

  CurlLoop(std::shared_ptr<CurlShared> shared, size_t connections_max)
      : shared_(std::move(shared)), connections_max_(connections_max) {}
  ~CurlLoop();

  Status StartThread(const std::string& name);
  void Shutdown();
  void Start(std::shared_ptr<CurlCall> call);
  void Cancel(std::shared_ptr<CurlCall> call);
  uint32_t load() const { return calls_.load(); }
  bool InLoop() const { return loop_.InLoop(); }

 private:
  using CallPtr = std::shared_ptr<CurlCall>;
  // One socket that libcurl asked to watch.
  struct Socket final : EventLoop::Handler {
    Socket(CurlLoop& loop_owner, curl_socket_t socket) : owner(loop_owner), fd(socket) {}
    void OnEvents(uint32_t events) override { owner.OnSocket(fd, events); }
    CurlLoop& owner;
    const curl_socket_t fd;
  };

  static int SocketCallback(CURL* easy, curl_socket_t fd, int what, void* self, void* socket);
  static int TimerCallback(CURLM* multi, long timeout_ms, void* self);

  void Accept(CallPtr call);
  void Run(const CallPtr& call);
  void Watch(curl_socket_t fd, int what);
  void OnSocket(curl_socket_t fd, uint32_t events);
  void Act(curl_socket_t fd, int action);
  void TakeFinished();
  void OnTransferEnd(CURL* easy, CURLcode code);
  void Detach(CurlCall& call);
  void AdmitWaiting();

  void ArmWatch(const CallPtr& call);
  void OnWatch(const CallPtr& call);
  void Fail(const CallPtr& call, Error error);

  const std::shared_ptr<CurlShared> shared_;
  const size_t connections_max_;
  EventLoop loop_;
  CURLM* multi_ = nullptr;
  EventLoop::TimerId timer_;
  std::unordered_map<curl_socket_t, std::unique_ptr<Socket>> sockets_;
  std::unordered_map<CURL*, CallPtr> running_;
  LoopCalls<CurlCall> calls_{loop_};
  std::vector<CURL*> idle_handles_;
  bool stopping_ = false;
};

}  // namespace ossfs2::http
