// GetExchange: one ranged GET of data, streamed into a DataSink, with resumption and hedging.
//
// Every answer is checked (206, Content-Range, length, ETag) before its first byte is let through; a short or
// broken body goes on from the last delivered byte of the same version. The bytes go from the HTTP client
// straight into the sink's memory. When the range is the whole object its CRC64 is compared at the end.
// Threads: as exchange.h. Sink and done run on network threads.
#pragma once

#include <functional>
#include <memory>

#include "oss/oss_context.h"
#include "ossfs2/object_store.h"

namespace ossfs2::oss {

std::shared_ptr<StoreCall> StartGet(OssContext& context, GetRequest request, std::shared_ptr<DataSink> sink,
                                    std::function<void(Status)> done);

}  // namespace ossfs2::oss
