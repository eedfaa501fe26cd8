// What a copy that the service does not make in one piece (by parts, or by reading and writing) takes from its source.
//
// Taken over: user metadata, content type, serving headers, encryption, and tags as far as the key may read them.
// Not taken over, as for every object that is written:
//   storage class  the one that is configured, or the bucket's: where a user wants new objects
//   ACL            the same; no HEAD tells that of an object
//   object type    that of the requests that make the copy
//   mtime          the service's; the mount keeps its own in the metadata
// Encryption and tags that are configured count more; the store sees to it.
#pragma once

#include "ossfs2/object_store.h"

namespace ossfs2::oss {

// `source`: by a HEAD, since a list lacks most of it. A request for the tags, if there are any; errors are those of
// KeptTags. `forbid_overwrite` is left to the caller. Blocks.
Result<WriteOptions> CopyOptionsOf(ObjectStore& store, const ObjectInfo& source);

}  // namespace ossfs2::oss
