#include "fs/names/parents.h"

namespace ossfs2 {
namespace {

// Looked at for one that is known to be there; a millisecond or less, with the tree's mutex held. In a larger directory
// of which nothing was heard lately a question to the bucket costs less than a look at all names.
constexpr size_t kChildrenLookedAtMax = 4096;

}  // namespace

Result<bool> Parents::Keep(Ino directory, const std::string& name) {
  {
    MutexLock lock(context_.tree.mutex);
    Node* node = context_.tree.Find(directory);
    if (node == nullptr || node->parent == nullptr) return false;  // the root needs no marker
    const DirectoryState& state = *node->directory;
    if (state.marker == Known::kYes) return false;
    size_t looked_at = 0;
    for (const Node* child : state.children) {
      if (child->name != name && child->published && context_.IsFresh(child)) return false;
      if (++looked_at == kChildrenLookedAtMax) return true;
    }
    if (!context_.IsListed(node)) return true;
  }
  Status put = saver_.PutMarker(directory);
  if (!put) return put.error();
  return false;
}

Status Parents::CheckAfter(Ino directory) {
  ListRequest request;
  request.max_keys = 1;
  {
    MutexLock lock(context_.tree.mutex);
    Node* node = context_.tree.Find(directory);
    if (node == nullptr || node->parent == nullptr) return {};
    request.prefix = context_.tree.Key(node);
  }
  Result<ListPage> page = context_.store.List(request);
  if (!page) return page.error();
  if (page->entries.empty()) return saver_.PutMarker(directory);
  MutexLock lock(context_.tree.mutex);
  Node* node = context_.tree.Find(directory);
  if (node != nullptr && page->entries.front().key == request.prefix) node->directory->marker = Known::kYes;
  return {};
}

}  // namespace ossfs2
