// Whether a name is free, for writes that may not overwrite: a bucket with versioning (version_watch.h) ignores
// x-oss-forbid-overwrite, so such a write is preceded by a HEAD there. That narrows the gap between two hosts; nothing
// closes it. Elsewhere nothing is asked.
//
// Threads: any. CheckAbsent blocks; StartIfAbsent returns at once.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "oss/exchange/oss_context.h"
#include "ossfs2/object_store.h"

namespace ossfs2::oss {

// EEXIST when the key is there. Blocks.
Status CheckAbsent(OssContext& context, const std::string& key);

// The same before a call: `refuse` gets the error, or `start` makes the call. Either runs on a network or executor
// thread. Canceling ends what is under way.
std::shared_ptr<StoreCall> StartIfAbsent(OssContext& context, std::string key, std::function<void(Error)> refuse,
                                         std::function<std::shared_ptr<StoreCall>()> start);

}  // namespace ossfs2::oss
