// PutObject: a whole object from memory.
//
// Blocks; any thread that may. Errors: those of the store.
#pragma once

#include <cstdint>
#include <string>

#include "data/upload/upload_services.h"
#include "ossfs2/object_store.h"

namespace ossfs2 {

// One PUT, in the scheduler's order. The body stays valid until it returns.
Result<WriteResult> PutObject(UploadServices& services, uint64_t owner, const std::string& key, UploadBody body,
                              const WriteOptions& options);

}  // namespace ossfs2
