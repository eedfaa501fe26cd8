// Reading bytes back to find out whether an object is the one that was written, after a lost answer.
//
// Blocking, with the retries of a GET. Errors: those of the GET.
#pragma once

#include <cstdint>
#include <string>

#include "oss/exchange/oss_context.h"
#include "ossfs2/object_store.h"

namespace ossfs2::oss {

// The CRC64 of [offset, offset+size) of exactly that version. Blocks.
Result<uint64_t> CrcOfRange(OssContext& context, const ObjectInfo& version, uint64_t offset, uint64_t size);

}  // namespace ossfs2::oss
