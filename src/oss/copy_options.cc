#include "oss/copy_options.h"

#include <string>
#include <utility>

#include "oss/kept_tags.h"

namespace ossfs2::oss {

Result<WriteOptions> CopyOptionsOf(ObjectStore& store, const ObjectInfo& source) {
  Result<std::string> tags = KeptTags(store, source.key, source.tag_count);
  if (!tags) return tags.error();
  WriteOptions options;
  options.metadata = source.metadata;
  options.content_type = source.content_type;
  options.serving = source.serving;
  options.encryption = source.encryption;
  options.tags = std::move(*tags);
  return options;
}

}  // namespace ossfs2::oss
