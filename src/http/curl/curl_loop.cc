#include "http/curl/curl_loop.h"

#include <sys/epoll.h>

#include <algorithm>
#include <cerrno>

#include "base/values/str.h"
#include "http/message/request_text.h"

namespace ossfs2::http {

Status CurlLoop::StartThread(const std::string& name) {
  multi_ = curl_multi_init();
  if (multi_ == nullptr) return MakeError(ENOMEM, ErrorKind::kNoSpace, "no memory for an HTTP loop");
  const long cap = static_cast<long>(connections_max_);
  curl_multi_setopt(multi_, CURLMOPT_SOCKETFUNCTION, &CurlLoop::SocketCallback);
  curl_multi_setopt(multi_, CURLMOPT_SOCKETDATA, this);
  curl_multi_setopt(multi_, CURLMOPT_TIMERFUNCTION, &CurlLoop::TimerCallback);
  curl_multi_setopt(multi_, CURLMOPT_TIMERDATA, this);
  curl_multi_setopt(multi_, CURLMOPT_MAXCONNECTS, cap);
  curl_multi_setopt(multi_, CURLMOPT_MAX_TOTAL_CONNECTIONS, cap);
  return loop_.Start(name);
}

CurlLoop::~CurlLoop() {
  loop_.Stop();
  for (CURL* const easy : idle_handles_) curl_easy_cleanup(easy);
  if (multi_ != nullptr) curl_multi_cleanup(multi_);
}

void CurlLoop::Start(std::shared_ptr<CurlCall> call) {
  calls_.CountIn();
  loop_.Post([self = shared_from_this(), call = std::move(call)]() mutable { self->Accept(std::move(call)); });
}

void CurlLoop::Cancel(std::shared_ptr<CurlCall> call) {
  loop_.Post([self = shared_from_this(), call = std::move(call)] {
    if (!call->finished) self->Fail(call, CanceledError(call->request));
  });
}

void CurlLoop::Shutdown() {
  loop_.Post([self = shared_from_this()] {
    self->stopping_ = true;
    for (const CallPtr& call : self->calls_.All())
      if (!call->finished) self->Fail(call, CanceledError(call->request));
    // Closes the kept connections here, where the callbacks may still touch the loop.
    for (CURL* const easy : self->idle_handles_) curl_easy_cleanup(easy);
    self->idle_handles_.clear();
  });
  loop_.Stop();
}

void CurlLoop::Accept(CallPtr call) {
  calls_.Add(call);
  if (stopping_) return calls_.Finish(call, CanceledError(call->request));
  if (const Status good = CheckRequest(call->request); !good) return calls_.Finish(call, good.error());
  if (running_.size() >= connections_max_) {
    if (!calls_.Wait(call))
      return calls_.Finish(
          call, UnavailableError(call->request, call->progress, loop_.now(), "too many calls wait already"));
  } else {
    Run(call);
  }
  if (!call->finished) ArmWatch(call);
}

void CurlLoop::Run(const CallPtr& call) {
  CURL* easy = nullptr;
  if (!idle_handles_.empty()) {
    easy = idle_handles_.back();
    idle_handles_.pop_back();
  } else {
    easy = curl_easy_init();
  }
  if (easy == nullptr)
    return Fail(call, UnavailableError(call->request, call->progress, loop_.now(), "no memory for a transfer"));
  const auto now = loop_.now();
  call->progress.exchange_began = call->progress.last_byte = now;
  // libcurl keeps this limit itself; ours, a little later, is a second line.
  call->progress.connect_due = now + call->request.connect_timeout + std::chrono::seconds(1);
  call->Prepare(easy, *shared_);
  running_.emplace(easy, call);
  curl_multi_add_handle(multi_, easy);
}

int CurlLoop::SocketCallback(CURL*, curl_socket_t fd, int what, void* self, void*) {
  static_cast<CurlLoop*>(self)->Watch(fd, what);
  return 0;
}

void CurlLoop::Watch(curl_socket_t fd, int what) {
  if (what == CURL_POLL_REMOVE) {
    loop_.Remove(fd);
    sockets_.erase(fd);
    return;
  }
  uint32_t events = 0;
  if (what & CURL_POLL_IN) events |= EPOLLIN;
  if (what & CURL_POLL_OUT) events |= EPOLLOUT;
  auto& socket = sockets_[fd];
  if (socket != nullptr) return loop_.Modify(fd, events);
  socket = std::make_unique<Socket>(*this, fd);
  [[maybe_unused]] const Status added = loop_.Add(fd, events, socket.get());  // the stall watch sees a failure
}

int CurlLoop::TimerCallback(CURLM*, long timeout_ms, void* self) {
  auto* const loop = static_cast<CurlLoop*>(self);
  loop->loop_.CancelTimer(loop->timer_);
  if (timeout_ms < 0) return 0;
  // From a timer even for zero: libcurl must not be entered from its own callback.
  loop->timer_ = loop->loop_.At(Clock::Real().NowSteady() + std::chrono::milliseconds(timeout_ms), [loop] {
    loop->timer_ = {};
    loop->Act(CURL_SOCKET_TIMEOUT, 0);
  });
  return 0;
}

void CurlLoop::OnSocket(curl_socket_t fd, uint32_t events) {
  int action = 0;
  if (events & (EPOLLIN | EPOLLHUP)) action |= CURL_CSELECT_IN;
  if (events & EPOLLOUT) action |= CURL_CSELECT_OUT;
  if (events & EPOLLERR) action |= CURL_CSELECT_ERR;
  Act(fd, action);
}

void CurlLoop::Act(curl_socket_t fd, int action) {
  int running = 0;
  curl_multi_socket_action(multi_, fd, action, &running);
  TakeFinished();
}

void CurlLoop::TakeFinished() {
  int left = 0;
  while (const CURLMsg* const message = curl_multi_info_read(multi_, &left)) {
    // The message dies with remove_handle.
    if (message->msg == CURLMSG_DONE) OnTransferEnd(message->easy_handle, message->data.result);
  }
}

void CurlLoop::OnTransferEnd(CURL* easy, CURLcode code) {
  const auto it = running_.find(easy);
  if (it == running_.end()) return;
  const CallPtr call = it->second;
  if (call->SourceFailed(code) && ++call->sources_tried < static_cast<int>(shared_->sources.size())) {
    shared_->sources.Rest(*call->source());
    Detach(*call);
    return Run(call);
  }
  if (call->SourceFailed(code)) shared_->sources.Rest(*call->source());
  auto result = call->Outcome(code, loop_.now());
  Detach(*call);
  calls_.Finish(call, std::move(result));
}

// Takes the handle out of libcurl; a transfer in the middle loses its connection.
void CurlLoop::Detach(CurlCall& call) {
  CURL* const easy = call.easy;
  if (easy == nullptr) return;
  curl_multi_remove_handle(multi_, easy);
  running_.erase(easy);
  curl_easy_reset(easy);
  call.Release();
  if (idle_handles_.size() < kIdleHandlesMax && !stopping_) {
    idle_handles_.push_back(easy);
  } else {
    curl_easy_cleanup(easy);
  }
  if (calls_.AnyWaits()) loop_.Post([self = shared_from_this()] { self->AdmitWaiting(); });
}

void CurlLoop::AdmitWaiting() {
  while (calls_.AnyWaits() && running_.size() < connections_max_) {
    const CallPtr call = calls_.TakeWaiting();
    Run(call);
    if (!call->finished) ArmWatch(call);
  }
}

void CurlLoop::ArmWatch(const CallPtr& call) {
  auto due = std::min(call->request.deadline, call->progress.PhaseDue(call->request));
  // libcurl does not tell when the connection is there, from when on stalls count: look in time.
  if (call->easy != nullptr && call->progress.phase < Phase::kSend)
    due = std::min(due, loop_.now() + call->request.stall_timeout);
  calls_.Watch(call, due, [this](const CallPtr& late) { OnWatch(late); });
}

void CurlLoop::OnWatch(const CallPtr& call) {
  call->watch = {};
  Progress& progress = call->progress;
  call->UpdatePhase();
  const auto now = loop_.now();
  bool late = call->request.deadline <= now;
  if (!late && progress.PhaseDue(call->request) <= now) {
    curl_socket_t fd = CURL_SOCKET_BAD;
    if (call->easy != nullptr) curl_easy_getinfo(call->easy, CURLINFO_ACTIVESOCKET, &fd);
    late = fd == CURL_SOCKET_BAD || !progress.StillSending(fd, now);
  }
  if (late) return Fail(call, LateError(call->request, progress, now));
  ArmWatch(call);
}

void CurlLoop::Fail(const CallPtr& call, Error error) {
  call->NoteUnanswered();
  Detach(*call);
  calls_.Finish(call, std::move(error));
}

}  // namespace ossfs2::http
