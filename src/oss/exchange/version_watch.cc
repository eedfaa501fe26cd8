#include "oss/exchange/version_watch.h"

#include "base/report/log.h"
#include "http/message/response.h"

namespace ossfs2::oss {

void VersionWatch::Note(const http::ResponseHead& head) {
  if (seen() || !head.Find("x-oss-version-id")) return;
  if (seen_.exchange(true)) return;
  Log(LogLevel::kWarning,
      "the bucket keeps versions: two hosts that create one name with O_EXCL or mkdir may both succeed, "
      "RENAME_NOREPLACE "
      "may replace, and every version that is replaced or deleted stays and is billed. Next: see docs/known-issues.md");
}

}  // namespace ossfs2::oss
