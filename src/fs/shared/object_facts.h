// Object facts: how answers of the store (list entries, HEADs, published versions) become node fields.
//
// Rules: an answer to a request older than the node's last local change, or than the last news of it, is ignored
// (callers compare stamps); a node with unpublished data keeps its local truth; a new ETag makes the kernel's pages
// stale; the shown mtime of one version changes only when a user chose another.
#pragma once

#include "fs/shared/fs_context.h"

namespace ossfs2 {

// The type of node that an object is.
NodeType TypeOfObject(ObjectType type);

// Somebody has written the bytes again, or changed the metadata, since the date that is known. False: or none is.
bool HasOtherDate(const Node* node, uint32_t date_s);

// A listed file or symlink. The node is of the same type. `first`: the node was just made. Returns whether the version
// is another than before.
bool TakeListed(FsContext& context, Node* node, const ListEntry& entry, bool first, Notices& notices)
    REQUIRES(context.tree.mutex);
// Whatever was asked for before this answer came is old now: also a listing that has passed the name and lacks it.
void TakeHead(FsContext& context, Node* node, const ObjectInfo& info, bool first, Notices& notices)
    REQUIRES(context.tree.mutex);
// The same of a listed file, for what it keeps in metadata. Also of one that is just changed here, if the answer is of
// the version that is known: whoever stores its attributes next must have all the others. Otherwise they stay unknown.
void TakeKept(FsContext& context, Node* node, const ObjectInfo& info, Notices& notices) REQUIRES(context.tree.mutex);
// The object was written, copied or renamed here. `answered_s`: the service's time of that; 0: unknown.
void TakeWritten(FsContext& context, Node* node, const std::string& etag, std::optional<uint64_t> crc64,
                 int64_t answered_s = 0) REQUIRES(context.tree.mutex);
// A HEAD of a directory's marker.
void TakeMarker(FsContext& context, Node* directory, const ObjectInfo& info) REQUIRES(context.tree.mutex);
std::string MarkerVersion(const std::string& etag, int64_t mtime_s);

// The child of that type: the existing one, or a new one in place of another type or of nothing. Null when
// the existing node has local state and stays.
Node* ChildOfType(FsContext& context, Node* directory, const std::string& name, NodeType type, bool& first,
                  Notices& notices) REQUIRES(context.tree.mutex);

}  // namespace ossfs2
