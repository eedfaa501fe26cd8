// Parents: directories stay when their last child goes.
//
// A directory without a marker object exists only through its children. Before a name is taken out of one,
// Keep puts the marker when that name is known to be the last; CheckAfter asks (one list) when nothing is
// known. No request when the marker or another child is known. Blocking. The caller holds the name.
#pragma once

#include <string>

#include "fs/attributes/attribute_saver.h"

namespace ossfs2 {

class Parents {
 public:
  Parents(FsContext& context, AttributeSaver& saver) : context_(context), saver_(saver) {}

  // Before the removal of `name`. Returns whether CheckAfter is needed after it.
  Result<bool> Keep(Ino directory, const std::string& name) EXCLUDES(context_.tree.mutex);
  Status CheckAfter(Ino directory) EXCLUDES(context_.tree.mutex);

 private:
  FsContext& context_;
  AttributeSaver& saver_;
};

}  // namespace ossfs2
