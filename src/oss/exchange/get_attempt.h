// GetAttempt: one request of a GetExchange. Judges the head of its answer and, when its exchange lets it, passes the
// body on.
//
// It may be answered after its exchange has ended and the context is gone: until it has claimed its round it uses only
// what it owns. Threads: the HTTP client's, one call after another.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "http/client/http_client.h"
#include "oss/exchange/get_delivery.h"
#include "oss/exchange/oss_context.h"
#include "oss/exchange/range_check.h"
#include "oss/exchange/retry_state.h"

namespace ossfs2::oss {

class GetAttempt final : public http::BodySink, public std::enable_shared_from_this<GetAttempt> {
 public:
  // The exchange, as its attempts see it.
  class Parent {
   public:
    virtual ~Parent() = default;
    virtual RequestNames Names() const = 0;
    // True: the delivery is this attempt's from now on, and no other's of its round.
    virtual bool Claim(const GetAttempt& attempt, const RangePromise& promise) = 0;
    virtual void OnAttemptDone(GetAttempt& attempt, Result<http::Response> response,
                               const http::CallReport& report) = 0;
  };

  struct Ask {
    std::string key;
    uint64_t first = 0;
    uint64_t size = 0;
    std::string etag;  // empty: any version
    int round = 0;
    bool is_hedge = false;
  };

  // `delivery` is the parent's.
  GetAttempt(std::shared_ptr<Parent> parent, OssContext& context, GetDelivery& delivery, Ask ask, SharedKeys keys)
      : parent_(std::move(parent)),
        context_(context),
        endpoint_(context.shared_endpoint),
        delivery_(delivery),
        ask_(std::move(ask)),
        keys_(std::move(keys)) {}

  // Signs and sends; the parent gets OnAttemptDone, perhaps before this returns.
  std::shared_ptr<http::Call> Start();

  Use OnHead(const http::ResponseHead& head) override;
  std::span<std::byte> NextBuffer() override { return delivery_.NextBuffer(); }
  void OnBytes(size_t size) override;

  // Why not all bytes were delivered; nothing when they were. Once, after its end, of the one that decides its round.
  std::optional<Failure> TakeFailure(Result<http::Response>& response, const http::CallReport& report);

  int round() const { return ask_.round; }
  bool is_hedge() const { return ask_.is_hedge; }
  bool is_owner() const { return is_owner_; }
  bool has_delivered() const { return is_owner_ && delivery_.next() > ask_.first; }
  const SharedKeys& keys() const { return keys_; }
  std::chrono::steady_clock::time_point sent() const { return sent_; }

 private:
  void NotePace(const http::CallReport& report);

  const std::shared_ptr<Parent> parent_;
  OssContext& context_;
  const std::shared_ptr<const Endpoint> endpoint_;
  GetDelivery& delivery_;
  const Ask ask_;
  const SharedKeys keys_;
  const std::chrono::steady_clock::time_point sent_ = std::chrono::steady_clock::now();
  SteadyTime head_at_;
  bool is_owner_ = false;
  std::optional<Failure> failure_;  // of the head
};

}  // namespace ossfs2::oss
