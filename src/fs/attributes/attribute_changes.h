// AttributeChanges: what chmod, chown and utimens do to a node. The AttributeSaver stores it after a while.
//
// A change to what is stored already costs nothing, nor does one of the access time alone; with keep_attributes=false
// nothing is stored.
// Threads: under the tree's mutex; nothing blocks.
#pragma once

#include "fs/attributes/attribute_saver.h"
#include "fs/shared/fs_part.h"

namespace ossfs2 {

class AttributeChanges : public FsPart {
 public:
  AttributeChanges(FsContext& context, AttributeSaver& saver) : FsPart(context), saver_(saver) {}

  // All but the size, which is the Resizer's.
  void Make(Node* node, const AttrChange& change) REQUIRES(context_.tree.mutex);

 private:
  bool IsStoredSo(const Node* node, const AttrChange& change) const REQUIRES(context_.tree.mutex);

  AttributeSaver& saver_;
};

}  // namespace ossfs2
