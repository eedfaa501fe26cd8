// FsPart: what every part of the file system has: the context that it shares with the others.
//
// A part asks for the tree's mutex as context_.tree.mutex (REQUIRES). Clang does not know that the context of another
// part is the same one, so whoever holds the mutex and calls such a method of another part says so first, with
// SharesTree. It costs nothing, and does nothing at run time.
#pragma once

#include "base/threads/mutex.h"
#include "fs/shared/fs_context.h"

namespace ossfs2 {

class FsPart {
 public:
  // `tree` is the caller's, and so it is this part's.
  void SharesTree(const Tree& tree) const REQUIRES(tree.mutex) OSSFS2_TSA(assert_capability(context_.tree.mutex)) {
    (void)tree;
  }

 protected:
  explicit FsPart(FsContext& context) : context_(context) {}
  ~FsPart() = default;

  FsContext& context_;
};

}  // namespace ossfs2
