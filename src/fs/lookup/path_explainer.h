// PathExplainer: what is known of a path, in lines for people (`ossfs2 explain`).
//
// Threads: any that may block: names that are not known are asked for. Errors: those of looking the path up.
#pragma once

#include <string>
#include <vector>

#include "fs/lookup/resolver.h"
#include "fs/shared/fs_context.h"

namespace ossfs2 {

class PathExplainer {
 public:
  PathExplainer(FsContext& context, Resolver& resolver) : context_(context), resolver_(resolver) {}

  Result<std::vector<std::string>> Explain(const std::string& path) EXCLUDES(context_.tree.mutex);

 private:
  Result<Ino> Resolve(const std::string& path) EXCLUDES(context_.tree.mutex);
  std::vector<std::string> Lines(const Node* node) const REQUIRES(context_.tree.mutex);

  FsContext& context_;
  Resolver& resolver_;
};

}  // namespace ossfs2
