#include "fs/attributes/attribute_changes.h"

#include "fs/handles/open_file.h"
#include "fs/shared/attributes.h"

namespace ossfs2 {

// What is stored already: `chmod -R` and `chown -R` at each start of a container cost nothing then.
bool AttributeChanges::IsStoredSo(const Node* node, const AttrChange& change) const {
  const NodeExtra& extra = *node->extra;
  if (!node->published || !extra.metadata_known || extra.pending || (extra.open && extra.open->ahead())) return false;
  const Attr now = ShownAttr(node, context_.options);
  return (!change.mode || (*change.mode & 07777) == (now.mode & 07777)) && (!change.uid || *change.uid == now.uid) &&
         (!change.gid || *change.gid == now.gid) && (!change.mtime_ns || *change.mtime_ns == now.mtime_ns);
}

void AttributeChanges::Make(Node* node, const AttrChange& change) {
  NodeExtra& extra = context_.tree.Extra(node);
  if (IsStoredSo(node, change)) {
    if (change.atime_ns) extra.atime_ns = *change.atime_ns;
    extra.ctime_ns = context_.clock.NowWallNs();
    return;
  }
  if (change.mode) extra.mode = *change.mode & 07777;
  if (change.uid) extra.uid = *change.uid;
  if (change.gid) extra.gid = *change.gid;
  if (change.atime_ns) extra.atime_ns = *change.atime_ns;
  if (change.mtime_ns) {
    node->mtime_ns = *change.mtime_ns;
    extra.mtime_chosen = true;
    if (extra.open) extra.open->last_write_ns = 0;
  }
  extra.ctime_ns = context_.clock.NowWallNs();
  // A file whose only news is when it was read is not worth a request.
  const bool keep = change.mode || change.uid || change.gid || change.mtime_ns;
  if (!keep || !context_.options.keep_attributes) return;
  extra.chosen = extra.pending = true;
  node->local_stamp = context_.tree.NextStamp();
  saver_.SharesTree(context_.tree);
  if (!node->unlinked && node != context_.tree.root()) saver_.Note(node);
}

}  // namespace ossfs2
