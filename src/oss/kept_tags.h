// The tags that new content, or a copy by parts, is to keep: the service keeps them in copies of whole objects only.
#pragma once

#include <cstdint>
#include <string>

#include "ossfs2/object_store.h"

namespace ossfs2::oss {

// As GetTags gives them. `count`: by a HEAD. Nothing is asked, and nothing kept, when there are none or when tags are
// configured. A key that may not read tags, or an object that is gone, keeps none; the first is logged. Blocks.
Result<std::string> KeptTags(ObjectStore& store, const std::string& key, uint64_t count);

}  // namespace ossfs2::oss
