// The part of `ossfs2 gc` that ends multipart uploads.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <vector>

#include "ossfs2/object_store.h"

namespace ossfs2 {

struct GcCount {
  size_t aborted = 0;
  size_t in_use = 0;
  size_t kept = 0;  // younger ones, and those whose age is not known
  size_t failed = 0;
};

// Ends those that were begun by `before_s` and that are not in use, and prints each.
GcCount AbortOldUploads(ObjectStore& store, const std::vector<UploadInfo>& uploads,
                        const std::function<bool(const UploadInfo&)>& is_in_use, int64_t before_s, bool dry_run);

}  // namespace ossfs2
