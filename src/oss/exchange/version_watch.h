// VersionWatch: whether the bucket keeps versions, as its answers tell (x-oss-version-id), also when that is suspended.
//
// Such a bucket ignores x-oss-forbid-overwrite. Warns once in the log. Thread-safe.
#pragma once

#include <atomic>

namespace ossfs2::http {
struct ResponseHead;
}

namespace ossfs2::oss {

class VersionWatch {
 public:
  void Note(const http::ResponseHead& head);
  bool seen() const { return seen_.load(std::memory_order_relaxed); }

 private:
  std::atomic<bool> seen_{false};
};

}  // namespace ossfs2::oss
