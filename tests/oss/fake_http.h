// FakeHttp: an HttpClient whose answers a test scripts. One thread delivers them, so that callbacks come from
// elsewhere, as with the real clients. Every request is kept for the test to look at.
#pragma once

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/threads/mutex.h"
#include "base/values/text.h"
#include "http/client/http_client.h"
#include "oss/signing/encoding.h"

namespace ossfs2::oss {

struct Reply {
  int status = 200;
  std::vector<http::Header> headers;
  std::string body;
  bool marked = true;               // adds x-oss-request-id
  std::optional<size_t> cut_after;  // breaks the connection after so many body bytes
  bool lost = false;                // no answer: the connection breaks
  int lost_before = 0;              // so often the client had sent the request before, without an answer
  bool hangs = false;               // no answer until canceled
  std::chrono::nanoseconds moved{0};  // so long bytes moved, says the client
};

struct SeenRequest {
  std::string method;
  std::string host;
  std::string target;
  std::vector<http::Header> headers;
  std::string body;
  std::chrono::milliseconds connect_timeout{};
  std::chrono::milliseconds stall_timeout{};
  SteadyTime deadline{};
  std::string Header(std::string_view name) const {
    for (const http::Header& header : headers)
      if (EqualsIgnoringCase(header.name, name)) return header.value;
    return "";
  }
};

// With the host in the text, as in the real clients' errors: nothing may be decided by its words.
inline Error BrokenConnection(const SeenRequest& seen) {
  Error error = MakeError(EIO, ErrorKind::kUnavailable,
                          seen.method + " to http://" + seen.host + ":80 failed: the connection was reset");
  error.retryable = true;
  return error;
}

// Gives the answer as a client would. `canceled`, when given, is looked at before the head and each piece of the body.
inline void DeliverReply(const SeenRequest& seen, http::BodySink* sink, const http::Done& done, const Reply& reply,
                         const std::atomic<bool>* canceled = nullptr) {
  http::CallReport report{http::Phase::kAnswer, http::Cause::kOther, reply.lost_before, reply.moved};
  http::CallReport broken = report;
  ++broken.answers_lost;
  const auto ends = [&] { return canceled != nullptr && *canceled; };
  const auto cancel = [&] { done(MakeError(ECANCELED, ErrorKind::kCanceled, "canceled"), broken); };
  if (ends()) return cancel();
  if (reply.lost) return done(BrokenConnection(seen), broken);
  http::Response response;
  response.head.status = reply.status;
  http::ResponseHeaders& headers = response.head.headers;
  for (const http::Header& header : reply.headers) headers.Add(header.name, header.value);
  if (reply.marked) headers.Add("x-oss-request-id", "5CAC0FEADE0170");
  if (!headers.Find("content-length")) headers.Add("Content-Length", std::to_string(reply.body.size()));
  if (!headers.Find("date")) headers.Add("Date", "Wed, 28 Dec 2022 10:27:41 GMT");
  auto use = http::BodySink::Use::kCollect;
  if (sink != nullptr) use = sink->OnHead(response.head);
  if (use == http::BodySink::Use::kCancel) {
    return done(MakeError(ECANCELED, ErrorKind::kCanceled, "the sink canceled"), broken);
  }
  const size_t size = std::min(reply.cut_after.value_or(reply.body.size()), reply.body.size());
  if (use == http::BodySink::Use::kCollect) {
    response.body = reply.body.substr(0, size);
  } else {
    while (response.streamed_bytes < size) {
      if (ends()) return cancel();
      const auto buffer = sink->NextBuffer();
      if (buffer.empty()) return done(MakeError(EIO, ErrorKind::kCorrupt, "more bytes than wanted"), broken);
      const size_t piece = std::min<size_t>(buffer.size(), size - response.streamed_bytes);
      std::memcpy(buffer.data(), reply.body.data() + response.streamed_bytes, piece);
      sink->OnBytes(piece);
      response.streamed_bytes += piece;
    }
  }
  if (reply.cut_after) return done(BrokenConnection(seen), broken);
  done(std::move(response), report);
}

class FakeHttp final : public http::HttpClient {
 public:
  // Called on the fake's thread for every request, with its number from 1.
  using Handler = std::function<Reply(const SeenRequest&, size_t number)>;
  explicit FakeHttp(Handler handler) : handler_(std::move(handler)), thread_([this] { ThreadMain(); }) {}
  ~FakeHttp() override {
    {
      MutexLock lock(mutex_);
      stopping_ = true;
      wake_.NotifyAll();
    }
    thread_.join();
  }

  std::shared_ptr<http::Call> Start(http::Request request, std::shared_ptr<http::BodySink> sink,
                                    http::Done done) override {
    auto call = std::make_shared<Pending>(*this);
    call->sink = std::move(sink);
    call->done = std::move(done);
    call->seen = {request.method, request.host, request.target, request.headers, "",
                  request.connect_timeout, request.stall_timeout, request.deadline};
    for (const auto& span : request.body) {
      call->seen.body.append(reinterpret_cast<const char*>(span.data()), span.size());
    }
    MutexLock lock(mutex_);
    queue_.push_back(call);
    wake_.NotifyAll();
    return call;
  }

  std::vector<SeenRequest> Seen() const {
    MutexLock lock(mutex_);
    return seen_;
  }
  size_t Count() const { return Seen().size(); }
  // Waits until so many requests have come.
  void WaitForCount(size_t count) const {
    MutexLock lock(mutex_);
    while (seen_.size() < count) wake_.Wait(lock);
  }

 private:
  struct Pending final : http::Call, std::enable_shared_from_this<Pending> {
    explicit Pending(FakeHttp& owner_) : owner(owner_) {}
    void Cancel() override {
      MutexLock lock(owner.mutex_);
      if (std::erase_if(owner.hanging_, [&](const auto& call) { return call.get() == this; }) > 0) {
        is_canceled = true;
        owner.queue_.push_back(shared_from_this());
        owner.wake_.NotifyAll();
      } else {
        cancel_wanted = true;
      }
    }
    FakeHttp& owner;
    std::shared_ptr<http::BodySink> sink;
    http::Done done;
    SeenRequest seen;
    bool is_canceled = false;
    bool cancel_wanted = false;  // before it was known to hang
  };

  void ThreadMain() {
    MutexLock lock(mutex_);
    while (true) {
      if (queue_.empty()) {
        if (stopping_) return;
        wake_.Wait(lock);
        continue;
      }
      const std::shared_ptr<Pending> call = queue_.front();
      queue_.pop_front();
      if (call->is_canceled) {
        lock.Unlock();
        call->done(MakeError(ECANCELED, ErrorKind::kCanceled, "canceled"), {});
        lock.Lock();
        continue;
      }
      seen_.push_back(call->seen);
      const size_t number = seen_.size();
      lock.Unlock();
      const Reply reply = handler_(call->seen, number);
      lock.Lock();
      if (reply.hangs && call->cancel_wanted) {
        call->is_canceled = true;
        queue_.push_back(call);
      } else if (reply.hangs) {
        hanging_.push_back(call);
      }
      wake_.NotifyAll();
      if (reply.hangs) continue;
      lock.Unlock();
      DeliverReply(call->seen, call->sink.get(), call->done, reply);
      lock.Lock();
    }
  }

  const Handler handler_;
  mutable Mutex mutex_;
  mutable CondVar wake_;
  std::deque<std::shared_ptr<Pending>> queue_ GUARDED_BY(mutex_);
  std::vector<std::shared_ptr<Pending>> hanging_ GUARDED_BY(mutex_);
  std::vector<SeenRequest> seen_ GUARDED_BY(mutex_);
  bool stopping_ GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

// The connection breaks before an answer.
inline Reply LostReply() {
  Reply reply;
  reply.lost = true;
  return reply;
}

// The XML error that OSS sends.
inline Reply ErrorReply(int status, const std::string& code, const std::string& message = "told so",
                        const std::string& more = "") {
  Reply reply;
  reply.status = status;
  reply.body = "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Error><Code>" + code + "</Code><Message>" +
               message + "</Message><RequestId>5CAC0FEADE0170</RequestId>" + more + "</Error>";
  return reply;
}

}  // namespace ossfs2::oss
