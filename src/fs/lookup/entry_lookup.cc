#include "fs/lookup/entry_lookup.h"

#include <cerrno>

#include "fs/tree/names.h"

namespace ossfs2 {

Entry EntryLookup::Absent() const {
  Entry entry;
  entry.entry_valid_s = context_.options.negative_timeout_s;
  return entry;
}

std::optional<Result<Entry>> EntryLookup::TryLookup(Ino parent, std::string_view name) {
  if (Status status = CheckName(name); !status) return Result<Entry>(status.error());
  MutexLock lock(context_.tree.mutex);
  Node* directory = context_.tree.Find(parent);
  if (directory == nullptr) return Result<Entry>(context_.Stale(parent));
  if (!directory->is_directory()) return Result<Entry>(NotADirectory(context_.tree.Path(directory)));
  resolver_.SharesTree(context_.tree);
  auto known = resolver_.Known(directory, name);
  if (!known) return std::nullopt;
  context_.tree.Touch(directory);
  if (!*known) {
    const bool remember = known->error().errno_value == ENOENT && context_.options.negative_timeout_s > 0;
    return remember ? Result<Entry>(Absent()) : Result<Entry>(known->error());
  }
  ++(**known)->lookups;
  ++directory->directory->look_ups;
  return Result<Entry>(context_.MakeEntry(**known));
}

Result<Entry> EntryLookup::Found(Ino ino) {
  MutexLock lock(context_.tree.mutex);
  Node* node = context_.tree.Find(ino);
  if (node == nullptr || node->unlinked) return context_.Stale(ino);
  ++node->lookups;
  if (node->parent != nullptr) ++node->parent->directory->look_ups;
  return context_.MakeEntry(node);
}

Result<Entry> EntryLookup::Lookup(Ino parent, const std::string& name) {
  for (int tries = 1;; ++tries) {
    Result<Ino> ino = resolver_.Resolve(parent, name);
    if (!ino) {
      if (ino.error().errno_value == ENOENT && context_.options.negative_timeout_s > 0) return Absent();
      return ino.error();
    }
    bool needs_metadata = false;
    {
      MutexLock lock(context_.tree.mutex);
      const Node* node = context_.tree.Find(*ino);
      needs_metadata = node != nullptr && context_.NeedsMetadata(node);
    }
    if (needs_metadata) OSSFS2_RETURN_IF_ERROR(resolver_.FetchMetadata({*ino}));
    Result<Entry> entry = Found(*ino);
    if (entry || entry.error().errno_value != ESTALE) return entry;
    // Removed in between; or replaced, and then the name was never away.
    if (tries == kTriesMax) return NoEntry(name);
  }
}

void EntryLookup::Forget(Ino ino, uint64_t lookups) {
  bool shrinks = false;
  {
    MutexLock lock(context_.tree.mutex);
    if (Node* node = context_.tree.Find(ino)) shrinks = context_.tree.Forget(node, lookups);
  }
  if (shrinks) context_.TrySpawn([this] { context_.Shrink(); });
}

}  // namespace ossfs2
