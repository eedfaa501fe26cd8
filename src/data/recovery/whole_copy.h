// CopyWhole: a copy of an object on the server that has all of it, metadata and tags too.
//
// Blocking, any thread. Errors: those of the store; kVersionChanged when the source is another version.
#pragma once

#include <string>

#include "ossfs2/object_store.h"

namespace ossfs2 {

// The object of that ETag (empty: any) with its metadata; by parts where one copy is refused for its size.
Result<WriteResult> CopyWhole(ObjectStore& store, const std::string& from, const std::string& from_etag,
                              const std::string& to, bool forbid_overwrite = false);

}  // namespace ossfs2
