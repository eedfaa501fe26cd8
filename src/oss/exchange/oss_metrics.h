// OssMetrics: counters and histograms of the OSS client, by operation and by error code.
//
// Thread-safe; finding a counter takes a short lock, adding to it none. At most 64 different error codes are
// told apart; later ones count as "other".
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "base/report/metrics.h"
#include "base/threads/mutex.h"
#include "ossfs2/status.h"

namespace ossfs2::oss {

class OssMetrics {
 public:
  static constexpr size_t kCodesMax = 64;

  explicit OssMetrics(Registry& registry = Registry::Default());

  void OnAttempt(std::string_view operation) EXCLUDES(mutex_);
  // Of a whole operation, with its retries.
  void OnOperationEnd(std::string_view operation, std::chrono::nanoseconds duration) EXCLUDES(mutex_);
  // Of one attempt. One that was canceled here is no failure.
  void OnFailure(const Error& error) EXCLUDES(mutex_);
  void OnError(std::string_view code) EXCLUDES(mutex_);

  Counter& retries;
  Counter& bytes_received;
  Counter& bytes_sent;
  Counter& hedges;
  Counter& hedges_won;

 private:
  struct Operation {
    Counter* requests = nullptr;
    Histogram* seconds = nullptr;
  };
  Operation& Find(std::string_view operation) REQUIRES(mutex_);

  Registry& registry_;
  Mutex mutex_;
  std::map<std::string, Operation, std::less<>> operations_ GUARDED_BY(mutex_);
  std::map<std::string, Counter*, std::less<>> codes_ GUARDED_BY(mutex_);
};

}  // namespace ossfs2::oss
