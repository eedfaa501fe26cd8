#include "oss/exchange/oss_metrics.h"

#include "base/values/str.h"

namespace ossfs2::oss {

OssMetrics::OssMetrics(Registry& registry)
    : retries(registry.counter("retries_total", "OSS requests sent again")),
      bytes_received(registry.counter("bytes_received_total", "Object bytes received from OSS")),
      bytes_sent(registry.counter("bytes_sent_total", "Object bytes sent to OSS")),
      hedges(registry.counter("hedges_total", "Second GETs started because the first was slow")),
      hedges_won(registry.counter("hedges_won_total", "Second GETs that answered before the first")),
      registry_(registry) {}

OssMetrics::Operation& OssMetrics::Find(std::string_view operation) {
  const auto at = operations_.find(operation);
  if (at != operations_.end()) return at->second;
  const std::string label = StrCat("op=\"", operation, "\"");
  Operation& created = operations_[std::string(operation)];
  created.requests =
      &registry_.counter("requests_total", "OSS requests by operation, retries counted", label);
  created.seconds =
      &registry_.histogram("request_seconds", "Time of OSS operations with their retries", label);
  return created;
}

void OssMetrics::OnAttempt(std::string_view operation) {
  MutexLock lock(mutex_);
  Find(operation).requests->Add();
}

void OssMetrics::OnOperationEnd(std::string_view operation, std::chrono::nanoseconds duration) {
  MutexLock lock(mutex_);
  Find(operation).seconds->Observe(duration);
}

void OssMetrics::OnFailure(const Error& error) {
  if (error.kind == ErrorKind::kCanceled) return;  // we gave up, not the server
  if (!error.oss_code.empty()) return OnError(error.oss_code);
  OnError(error.http_status == 0 ? "Transport" : "NoCode");
}

void OssMetrics::OnError(std::string_view code) {
  MutexLock lock(mutex_);
  auto at = codes_.find(code);
  if (at == codes_.end()) {
    // The code comes from outside: only plain names become labels.
    const bool is_plain =
        !code.empty() &&
        code.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_") ==
            std::string_view::npos;
    const std::string name(is_plain && code.size() <= 64 && codes_.size() + 1 < kCodesMax ? code : "other");
    Counter& counter =
        registry_.counter("errors_total", "Failed OSS attempts by error code", StrCat("code=\"", name, "\""));
    at = codes_.emplace(name, &counter).first;
  }
  at->second->Add();
}

}  // namespace ossfs2::oss
