// Tree: all nodes the mount knows, by number and by name, within a memory budget.
//
// Threads: everything needs `mutex`, which is held for moments, never over the network or a callback.
// Ownership: the tree owns nodes. A node lives while it has a name here, kernel lookups or pins; named
// nodes that the kernel forgot stay as cache until the budget needs their memory.
// Numbers come from a hash of the key: the same key has the same number in every mount, unless the number
// is taken (by a renamed node): then the next free one. A number in use is never given to another node.
// Stamps order changes, requests and news: an answer to a request that was sent before a local change of the same name,
// or before another answer made or changed it, says nothing about it.
// Limits: metadata_bytes_max, estimated, with what objects keep in metadata. What goes first is told by Shrink; from
// IsFull on the kernel gets no more names than it looks up.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "base/report/metrics.h"
#include "base/threads/mutex.h"
#include "fs/tree/absent_names.h"
#include "fs/tree/node.h"

namespace ossfs2 {

class Tree {
 public:
  Tree(std::string prefix, uint64_t bytes_max, uint64_t absent_max, Clock& clock);
  ~Tree();
  Tree(const Tree&) = delete;
  Tree& operator=(const Tree&) = delete;

  Mutex mutex;

  Node* root() REQUIRES(mutex) { return root_; }
  Node* Find(Ino ino) REQUIRES(mutex);
  Node* Child(const Node* directory, std::string_view name) REQUIRES(mutex);
  // A new child; the name must be free.
  Node* Add(Node* directory, std::string_view name, NodeType type) REQUIRES(mutex);
  // Takes the node (and all below it) out of the names. Frees what nobody uses.
  void Remove(Node* node) REQUIRES(mutex);
  // Gives the node another place; the new name must be free.
  void Move(Node* node, Node* directory, const std::string& name) REQUIRES(mutex);
  // The full key; directories end in '/', the root is the prefix.
  std::string Key(const Node* node) const REQUIRES(mutex);
  // The path in the mount, for messages.
  std::string Path(const Node* node) const REQUIRES(mutex);
  bool IsBelow(const Node* node, const Node* ancestor) const REQUIRES(mutex);
  // A rename of the node, or of a directory above it, is just deleting old keys: that a key is not there says
  // nothing. FsContext::listed is notified at the end.
  bool IsLeaving(const Node* node) const REQUIRES(mutex);
  // Whether something under the node exists only here: new, dirty or changed files, and those whose names are just
  // taken away.
  bool HasLocalState(const Node* node) const REQUIRES(mutex);
  NodeExtra& Extra(Node* node) REQUIRES(mutex);
  // After texts of its Extra changed: counts them anew.
  void Recount(Node* node) REQUIRES(mutex);

  void Pin(Node* node) REQUIRES(mutex) { ++node->pins; }
  void Unpin(Node* node) REQUIRES(mutex);
  // Returns whether a Shrink is due now: so many were forgotten since the last one.
  bool Forget(Node* node, uint64_t lookups) REQUIRES(mutex);
  void Touch(Node* directory) REQUIRES(mutex);

  uint64_t NextStamp() REQUIRES(mutex) { return ++stamp_; }
  // Keeps the node from being dropped before the one who asked for it has counted or pinned it.
  void MarkUsed(Node* node) REQUIRES(mutex) { node->used_stamp = static_cast<uint32_t>(stamp_); }
  // Whether the directory, or one above it, got another name since then: what was asked under the old one says nothing.
  bool HasMovedSince(const Node* directory, uint64_t stamp) const REQUIRES(mutex);
  // A request about the directory's names is sent; the stamp is new. The directory stays pinned until it ends.
  void BeginRequest(Node* directory, uint64_t stamp) REQUIRES(mutex);
  void EndRequest(Node* directory, uint64_t stamp) REQUIRES(mutex);
  void NoteRemoved(Node* directory, const std::string& name) REQUIRES(mutex);

  // So many names may be dropped from now on. Returns whether a Shrink is due now.
  bool NoteDroppable(size_t names) REQUIRES(mutex);
  // Nodes that the kernel holds cannot be dropped: who lists names keeps them to itself from here on. Below the limit:
  // pages that are under way come on top, and what the kernel was asked to forget takes its time.
  bool IsFull() const REQUIRES(mutex) { return bytes_ > HighBytes(); }
  // Whether a directory of so many names can be kept with others beside it.
  bool Fits(uint64_t names) const;
  // So many names may be fetched ahead of a reader.
  uint64_t NamesAheadMax() const REQUIRES(mutex);
  // Drops unused nodes until the budget holds, least recently used directories first; those that a reader has just
  // passed only when nothing else holds it. Returns names that the kernel should be asked to forget, those first whose
  // files nobody has opened: with the others it would drop their pages. `asked`: it was asked for, and has not heard of
  // yet.
  std::vector<std::pair<Ino, std::string>> Shrink(size_t asked = 0) REQUIRES(mutex);
  // Before a directory whose names did not fit is listed anew: drops all that can go, so that its names come
  // in the order of the listing again. `renumber`: nobody holds a cookie.
  void DropForRelisting(Node* directory, bool renumber) REQUIRES(mutex);
  // Gives the node the last slot of its directory, which nobody else reads.
  void MoveBehind(Node* node) REQUIRES(mutex);
  // Frees unused slots of a directory that nobody reads.
  void CompactSlots(Node* directory) REQUIRES(mutex);
  uint64_t bytes() const REQUIRES(mutex) { return bytes_; }
  size_t size() const REQUIRES(mutex) { return nodes_.size(); }
  template <class Visit>
  void ForEach(Visit visit) REQUIRES(mutex) {
    for (Node* node : nodes_) visit(node);
  }

  AbsentNames absent GUARDED_BY(mutex);

 private:
  struct ByIno {
    using is_transparent = void;
    size_t operator()(Ino ino) const { return ino; }
    size_t operator()(const Node* node) const { return node->ino; }
    static Ino Number(Ino ino) { return ino; }
    static Ino Number(const Node* node) { return node->ino; }
    template <class A, class B>
    bool operator()(const A& a, const B& b) const {
      return Number(a) == Number(b);
    }
  };
  void Attach(Node* node, Node* directory) REQUIRES(mutex);
  void Unhook(Node* node) REQUIRES(mutex);
  void TakeSlot(Node* node) REQUIRES(mutex);
  void LeaveSlot(const Node* node) REQUIRES(mutex);
  bool Droppable(const Node* node) const REQUIRES(mutex);
  bool Drop(Node* directory, size_t slot) REQUIRES(mutex);
  void NumberSlots(Node* directory) REQUIRES(mutex);
  enum class Spare : uint8_t { kNothing, kJustPassed };  // what a reader may look up next
  size_t EndOfPassed(const DirectoryState& state, Spare spare) const;
  void DropChildren(Node* directory, uint64_t target, Spare spare) REQUIRES(mutex);
  void AskToForget(const Node* directory, bool was_opened, size_t names_max,
                   std::vector<std::pair<Ino, std::string>>& forget) const REQUIRES(mutex);
  void FreeIfUnused(Node* node) REQUIRES(mutex);
  void Account(int64_t bytes) REQUIRES(mutex);
  uint64_t HighBytes() const { return bytes_max_ - bytes_max_ / 8; }  // where Shrink begins

  const std::string prefix_;
  const uint64_t bytes_max_;
  Node* root_ = nullptr;
  std::unordered_set<Node*, ByIno, ByIno> nodes_ GUARDED_BY(mutex);
  std::list<Node*> directories_ GUARDED_BY(mutex);  // most recently used first
  uint64_t bytes_ GUARDED_BY(mutex) = 0;
  uint64_t shrink_again_at_ GUARDED_BY(mutex) = 0;  // bytes
  uint64_t shrink_again_stamp_ GUARDED_BY(mutex) = 0;
  uint64_t droppable_bytes_ GUARDED_BY(mutex) = 0;  // of names that may go since the last pass, about
  uint64_t stamp_ GUARDED_BY(mutex) = 0;
  Gauge& bytes_gauge_;
  Gauge& nodes_gauge_;
};

// Keeps a node alive through an operation that leaves the mutex.
class NodePin {
 public:
  NodePin(Tree& tree, Node* node) REQUIRES(tree.mutex) : tree_(&tree), node_(node) { tree.Pin(node); }
  NodePin(NodePin&& other) noexcept : tree_(other.tree_), node_(std::exchange(other.node_, nullptr)) {}
  NodePin(const NodePin&) = delete;
  NodePin& operator=(const NodePin&) = delete;
  ~NodePin() {
    if (node_ == nullptr) return;
    MutexLock lock(tree_->mutex);
    tree_->Unpin(node_);
  }
  Node* get() const { return node_; }
  Node* operator->() const { return node_; }

 private:
  Tree* tree_;
  Node* node_;
};

// Pins a node and counts one of its marks up (&Node::changing or &Node::leaving) for a scope; nothing when
// there is no such node. Marks of several scopes add up. Taken and dropped without the mutex.
class NodeMark {
 public:
  NodeMark(Tree& tree, Ino ino, uint16_t Node::*mark) EXCLUDES(tree.mutex) : tree_(tree), mark_(mark) {
    MutexLock lock(tree.mutex);
    node_ = tree.Find(ino);
    if (node_ == nullptr) return;
    tree.Pin(node_);
    ++(node_->*mark_);
  }
  NodeMark(const NodeMark&) = delete;
  NodeMark& operator=(const NodeMark&) = delete;
  ~NodeMark() {
    if (node_ == nullptr) return;
    MutexLock lock(tree_.mutex);
    --(node_->*mark_);
    tree_.Unpin(node_);
  }

 private:
  Tree& tree_;
  uint16_t Node::*const mark_;
  Node* node_ = nullptr;
};

}  // namespace ossfs2
