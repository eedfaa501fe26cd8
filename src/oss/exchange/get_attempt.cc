#include "oss/exchange/get_attempt.h"

#include <utility>

#include "base/values/str.h"
#include "oss/exchange/answer_check.h"

namespace ossfs2::oss {
namespace {

constexpr size_t kErrorBodyBytesMax = 1 << 20;
constexpr uint64_t kSlowestBytesPerSecond = 256 << 10;  // a slower body is asked for again from where it is

OssRequest RequestFor(const OssConfig& config, const GetAttempt::Ask& ask) {
  OssRequest out;
  out.operation = "get";
  out.method = "GET";
  out.key = ask.key;
  out.headers.reserve(8);
  out.headers.emplace_back("range", StrCat("bytes=", ask.first, "-", ask.first + ask.size - 1));
  out.headers.emplace_back("x-oss-range-behavior", "standard");
  if (!ask.etag.empty()) out.headers.emplace_back("if-match", StrCat("\"", ask.etag, "\""));
  const auto limit = config.traffic_limit_bits_per_s.value();
  if (limit > 0) out.headers.emplace_back("x-oss-traffic-limit", StrCat(limit));
  return out;
}

}  // namespace

std::shared_ptr<http::Call> GetAttempt::Start() {
  const SteadyTime deadline = context_.clock.NowSteady() + context_.config.request_timeout.value() +
                              std::chrono::milliseconds(ask_.size * 1000 / kSlowestBytesPerSecond);
  http::Request request = context_.Build(RequestFor(context_.config, ask_), *keys_, deadline);
  request.collect_bytes_max = kErrorBodyBytesMax;
  request.slow_bytes_per_s = context_.pace_received.Limit();
  context_.metrics.OnAttempt("get");
  const auto self = shared_from_this();
  return context_.http.Start(std::move(request), self,
                             [self](Result<http::Response> response, const http::CallReport& report) {
                               self->NotePace(report);
                               self->parent_->OnAttemptDone(*self, std::move(response), report);
                             });
}

http::BodySink::Use GetAttempt::OnHead(const http::ResponseHead& head) {
  if (head.status >= 300) return Use::kCollect;
  const RequestNames names = parent_->Names();
  failure_ = JudgeAnswer(head, "", names, *endpoint_);
  if (failure_) return Use::kCancel;
  RangeVerdict verdict = CheckRange(head, ask_.first, ask_.size, ask_.etag, names);
  failure_ = std::move(verdict.failure);
  if (failure_) return Use::kCancel;
  is_owner_ = parent_->Claim(*this, verdict.promise);
  head_at_ = context_.clock.NowSteady();
  if (is_owner_) {
    context_.served_keys.OnServed();
    context_.versions.Note(head);
  }
  return is_owner_ ? Use::kStream : Use::kCancel;
}

void GetAttempt::NotePace(const http::CallReport& report) {
  if (report.cause == http::Cause::kSlow) return context_.pace_received.OnTooSlow();
  if (is_owner_ && delivery_.next() > ask_.first)
    context_.pace_received.OnMoved(delivery_.next() - ask_.first, context_.clock.NowSteady() - head_at_);
}

void GetAttempt::OnBytes(size_t size) {
  context_.metrics.bytes_received.Add(size);
  delivery_.OnBytes(size);
}

std::optional<Failure> GetAttempt::TakeFailure(Result<http::Response>& response, const http::CallReport& report) {
  if (failure_) return std::move(failure_);
  if (is_owner_ && delivery_.complete()) return std::nullopt;
  const RequestNames names = parent_->Names();
  if (!response) return JudgeTransport(response.error(), report, names, *endpoint_);
  if (auto failure = JudgeAnswer(response->head, response->body, names, *endpoint_)) return failure;
  Failure failure =
      CorruptAnswer(names, StrCat("the body ended after ", delivery_.bytes(), " of ", delivery_.size(), " bytes"),
                    kCutOffAdvice);
  failure.error.kind = ErrorKind::kUnavailable;
  return failure;
}

}  // namespace ossfs2::oss
