#include "cli/commands/gc_uploads.h"

#include <cstdio>
#include <ctime>
#include <string>

#include "base/values/text.h"

namespace ossfs2 {
namespace {

std::string TimeText(int64_t seconds) {
  const time_t value = static_cast<time_t>(seconds);
  tm parts{};
  char text[32];
  gmtime_r(&value, &parts);
  strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%SZ", &parts);
  return text;
}

}  // namespace

GcCount AbortOldUploads(ObjectStore& store, const std::vector<UploadInfo>& uploads,
                        const std::function<bool(const UploadInfo&)>& is_in_use, int64_t before_s, bool dry_run) {
  GcCount count;
  for (const UploadInfo& upload : uploads) {
    // 0: the list told no date that can be read. It may be of this minute.
    if (upload.initiated_s <= 0 || upload.initiated_s > before_s) {
      ++count.kept;
      continue;
    }
    if (is_in_use(upload)) {
      ++count.in_use;
      continue;
    }
    printf("%s %s (begun %s, id %s)\n", dry_run ? "would abort" : "abort", Printable(upload.key).c_str(),
           TimeText(upload.initiated_s).c_str(), upload.upload_id.c_str());
    const Status done = dry_run ? Status() : store.AbortUpload(upload.key, upload.upload_id);
    if (done) {
      ++count.aborted;
    } else {
      ++count.failed;
      fprintf(stderr, "ossfs2: %s: %s\n", Printable(upload.key).c_str(), done.error().ToString().c_str());
    }
  }
  return count;
}

}  // namespace ossfs2
