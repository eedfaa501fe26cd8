// EntryLookup: answers the kernel's look-ups. Each entry that is given counts as a reference of the kernel to its node,
// until Forget takes it back.
//
// With a negative time-out a name that is not there is an entry without a node (ino 0), which the kernel remembers.
// Threads: any; TryLookup and Forget do not block.
// Errors: ENOENT, ENOTDIR; ESTALE for a directory that is gone; those of the store.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "fs/lookup/resolver.h"
#include "fs/shared/fs_context.h"

namespace ossfs2 {

class EntryLookup {
 public:
  // What finds a file by its name, while renames here give the name to others, tries so often.
  static constexpr int kTriesMax = 5;

  EntryLookup(FsContext& context, Resolver& resolver) : context_(context), resolver_(resolver) {}

  // Unset: it may block.
  std::optional<Result<Entry>> TryLookup(Ino parent, std::string_view name) EXCLUDES(context_.tree.mutex);
  Result<Entry> Lookup(Ino parent, const std::string& name) EXCLUDES(context_.tree.mutex);
  void Forget(Ino ino, uint64_t lookups) EXCLUDES(context_.tree.mutex);

 private:
  Entry Absent() const;
  // Counts the look-up.
  Result<Entry> Found(Ino ino) EXCLUDES(context_.tree.mutex);

  FsContext& context_;
  Resolver& resolver_;
};

}  // namespace ossfs2
