#include "oss/kept_tags.h"

#include "base/report/log.h"
#include "base/values/str.h"

namespace ossfs2::oss {

Result<std::string> KeptTags(ObjectStore& store, const std::string& key, uint64_t count) {
  if (count == 0 || store.HasOwnTags()) return std::string();
  Result<std::string> tags = store.GetTags(key);
  if (tags) return tags;
  const ErrorKind kind = tags.error().kind;
  if (kind != ErrorKind::kAccessDenied && kind != ErrorKind::kNotFound) return tags;
  if (kind == ErrorKind::kAccessDenied)
    LogLimited(LogLevel::kWarning,
               StrCat("The tags of ", key, " (", count, ") are lost when it is written anew: ", tags.error().text));
  return std::string();
}

}  // namespace ossfs2::oss
