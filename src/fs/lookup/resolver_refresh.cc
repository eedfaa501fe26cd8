// How the Resolver brings a node up to date whose number is all that the caller has.
#include <cerrno>

#include "fs/handles/open_file.h"
#include "fs/lookup/resolver.h"

namespace ossfs2 {
namespace {

// Open, and it was unlinked or replaced here.
bool GoesOnUnnamed(const Node* node) {
  const OpenFile* file = node->unlinked && node->extra ? node->extra->open.get() : nullptr;
  // While the name is taken the file does not know yet who does it.
  return file != nullptr && (node->leaving > 0 || !file->removed_remotely());
}

}  // namespace

Status Resolver::Refresh(Ino ino, Trust trust, Told* told) {
  Ino parent = 0;
  std::string name;
  bool only_marker = false;
  {
    MutexLock lock(context_.tree.mutex);
    Node* node = context_.tree.Find(ino);
    if (node == nullptr) return context_.Stale(ino);
    if (node->parent == nullptr) return {};  // the root, or unlinked: nothing to ask for
    const bool is_fresh = trust == Trust::kFresh && context_.IsFresh(node);
    if (is_fresh && !context_.NeedsMetadata(node)) return {};
    only_marker = is_fresh && node->is_directory();
    if (!node->published) return {};
    parent = node->parent->ino;
    name = node->name;
  }
  if (only_marker) return FetchMetadata({ino});
  Result<Ino> found = Resolve(parent, name, trust, told);
  if (found && *found == ino) return {};
  MutexLock lock(context_.tree.mutex);
  Node* node = context_.tree.Find(ino);
  if (node != nullptr && GoesOnUnnamed(node)) return {};
  if (!found && found.error().errno_value != ENOENT) return found.error();
  // Renamed meanwhile: still there. Otherwise it is gone, or another kind of file has taken the name.
  const bool is_here = node != nullptr && !node->unlinked && node->parent != nullptr;
  const bool has_moved = is_here && (node->parent->ino != parent || node->name != name);
  return has_moved || (found && is_here) ? Status() : Status(context_.Stale(ino));
}

}  // namespace ossfs2
