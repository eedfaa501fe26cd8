#include "server/operations/copy_source.h"

#include <ctime>

#include "oss/signing/encoding.h"
#include "server/operations/conditions.h"

namespace ossfs2::server {

Reply<CopySource> FindCopySource(HandlerContext& context, const Exchange& e) {
  std::string_view text = *e.OwnHeader("copy-source");
  if (const size_t mark = text.find("?versionId="); mark != std::string_view::npos)
    text = text.substr(0, mark);
  if (text.starts_with('/')) text.remove_prefix(1);
  if (text.starts_with("%2F") || text.starts_with("%2f")) text.remove_prefix(3);
  size_t slash = text.find('/');
  size_t slash_bytes = 1;
  for (const char* escaped : {"%2F", "%2f"}) {
    if (const size_t at = text.find(escaped); at < slash) {
      slash = at;
      slash_bytes = 3;
    }
  }
  if (slash == std::string_view::npos) return InvalidArgument("The copy source is not /bucket/key.");
  CopySource source;
  source.bucket = oss::PercentDecode(text.substr(0, slash));
  source.key = oss::PercentDecode(text.substr(slash + slash_bytes));
  const auto bucket = context.storage.Find(source.bucket);
  if (bucket == nullptr) return NoSuchBucket();
  source.record = bucket->Find(source.key);
  if (source.record == nullptr) return NoSuchKey();
  if (auto good = CheckConditions(e, *source.record, true); !good) return Failure(good.error());
  if (auto good = CheckReadable(*source.record, std::time(nullptr)); !good) return Failure(good.error());
  return source;
}

}  // namespace ossfs2::server
