// BucketLog: the changes of one bucket, in order, in a file that is only added to.
//
// A change is one write() of length, checksum and payload, so a killed process leaves whole changes and
// perhaps a torn last one, which Open cuts off. (It is not synced: a power failure may lose the last ones.)
// Used under the bucket's lock.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "ossfs2/status.h"

namespace ossfs2::server {

class BucketLog {
 public:
  BucketLog() = default;
  ~BucketLog();
  BucketLog(const BucketLog&) = delete;
  BucketLog& operator=(const BucketLog&) = delete;

  // Opens or makes the file and replays it: `replay` gets each payload and says whether it makes sense.
  Status Open(const std::string& path, const std::function<bool(std::string_view)>& replay);
  Status Append(std::string_view payload);
  // Starts a new file; Append fills it; FinishRewrite puts it in the place of the old one, and
  // CancelRewrite goes back to the old one.
  Status BeginRewrite();
  Status FinishRewrite();
  void CancelRewrite();
  uint64_t changes() const { return changes_; }

 private:
  std::string path_;
  int fd_ = -1;
  int old_fd_ = -1;
  uint64_t changes_ = 0;
  uint64_t old_changes_ = 0;
};

}  // namespace ossfs2::server
