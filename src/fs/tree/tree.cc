#include "fs/tree/tree.h"

#include <algorithm>

#include "base/values/str.h"
#include "fs/handles/open_file.h"
#include "fs/tree/names.h"

namespace ossfs2 {
namespace {

constexpr size_t kIndexBytes = 104;  // entries of the two hash sets and the allocator's share
constexpr int64_t kSlotBytes = sizeof(Node*);
constexpr size_t kExtraTextBytes = 256;  // of attributes: what most have less than
constexpr size_t kExtraBytes = sizeof(NodeExtra) + kExtraTextBytes;
constexpr size_t kDirectoryBytes = sizeof(DirectoryState) + 64;

size_t HeapBytes(const std::string& text) { return text.size() > 15 ? text.size() + 17 : 0; }

size_t HeapBytes(const std::map<std::string, std::string>& texts) {
  constexpr size_t kEntryBytes = 40 + 2 * sizeof(std::string);
  size_t bytes = 0;
  for (const auto& [name, value] : texts) bytes += kEntryBytes + HeapBytes(name) + HeapBytes(value);
  return bytes;
}

size_t TextBytes(const NodeExtra& extra) {
  size_t bytes = HeapBytes(extra.xattrs) + HeapBytes(extra.foreign) + HeapBytes(extra.serving) +
                 HeapBytes(extra.content_type) + HeapBytes(extra.restore) + HeapBytes(extra.encryption.algorithm) +
                 HeapBytes(extra.encryption.key_id) + HeapBytes(extra.tags);
  if (extra.link_target) bytes += HeapBytes(*extra.link_target);
  return bytes;
}

int64_t NodeBytes(const Node* node) {
  int64_t bytes = static_cast<int64_t>(sizeof(Node) + kIndexBytes);
  if (node->name.size() > 15) bytes += static_cast<int64_t>(node->name.size() + 17);
  if (node->extra) bytes += kExtraBytes + node->extra->bytes_above_usual;
  if (node->directory) bytes += kDirectoryBytes;
  return bytes;
}

}  // namespace

StorageClass ParseStorageClass(std::string_view text) {
  if (text.empty() || text == "Standard") return StorageClass::kStandard;
  if (text == "IA") return StorageClass::kInfrequent;
  if (text == "Archive") return StorageClass::kArchive;
  if (text == "ColdArchive") return StorageClass::kColdArchive;
  if (text == "DeepColdArchive") return StorageClass::kDeepColdArchive;
  return StorageClass::kOther;
}

const char* StorageClassName(StorageClass storage_class) {
  static constexpr const char* kNames[] = {"Standard",        "IA",   "Archive", "ColdArchive",
                                           "DeepColdArchive", "other"};
  return kNames[static_cast<size_t>(storage_class)];
}

Tree::Tree(std::string prefix, uint64_t bytes_max, uint64_t absent_max, Clock& clock)
    : absent(absent_max),
      prefix_(std::move(prefix)),
      bytes_max_(bytes_max),
      bytes_gauge_(
          Registry::Default().gauge("metadata_bytes", "Estimated memory of inodes, names and listings.")),
      nodes_gauge_(Registry::Default().gauge("metadata_inodes", "Inodes in memory.")) {
  MutexLock lock(mutex);
  root_ = new Node;
  root_->ino = kRootIno;
  root_->type = NodeType::kDirectory;
  root_->mtime_ns = clock.NowWallNs();
  root_->valid_until = SteadyTime::max();
  root_->pins = 1;
  root_->directory = std::make_unique<DirectoryState>();
  directories_.push_front(root_);
  root_->directory->recent = directories_.begin();
  nodes_.insert(root_);
  Account(NodeBytes(root_));
}

Tree::~Tree() {
  MutexLock lock(mutex);
  Account(-static_cast<int64_t>(bytes_));
  for (Node* node : nodes_) delete node;
  nodes_gauge_.Add(-static_cast<int64_t>(nodes_.size() - 1));
}

void Tree::Account(int64_t bytes) {
  bytes_ = static_cast<uint64_t>(static_cast<int64_t>(bytes_) + bytes);
  bytes_gauge_.Add(bytes);
}

Node* Tree::Find(Ino ino) {
  const auto it = nodes_.find(ino);
  return it == nodes_.end() ? nullptr : *it;
}

Node* Tree::Child(const Node* directory, std::string_view name) {
  if (!directory->directory) return nullptr;
  const auto it = directory->directory->children.find(name);
  return it == directory->directory->children.end() ? nullptr : *it;
}

void Tree::Attach(Node* node, Node* directory) {
  CompactSlots(directory);  // a directory that is never listed would keep a slot for each name that ever was
  DirectoryState& state = *directory->directory;
  node->parent = directory;
  TakeSlot(node);
  state.children.insert(node);
}

Node* Tree::Add(Node* directory, std::string_view name, NodeType type) {
  Node* node = new Node;
  node->name = std::string(name);
  node->type = type;
  node->ino = HashKey(Key(directory), name, type == NodeType::kDirectory);
  while (node->ino < 2 || nodes_.contains(node->ino)) ++node->ino;
  if (type == NodeType::kDirectory) {
    node->directory = std::make_unique<DirectoryState>();
    directories_.push_front(node);
    node->directory->recent = directories_.begin();
  }
  nodes_.insert(node);
  nodes_gauge_.Add(1);
  Account(NodeBytes(node));
  Attach(node, directory);
  return node;
}

void Tree::TakeSlot(Node* node) {
  SlotTable& slots = node->parent->directory->slots;
  node->slot = static_cast<uint32_t>(slots.size());
  slots.Add(node);
  Account(kSlotBytes);
}

void Tree::LeaveSlot(const Node* node) {
  SlotTable& slots = node->parent->directory->slots;
  const size_t held = slots.held();
  slots.Clear(node->slot);
  Account(-kSlotBytes * static_cast<int64_t>(held - slots.held()));
}

void Tree::MoveBehind(Node* node) {
  LeaveSlot(node);
  TakeSlot(node);
}

void Tree::Unhook(Node* node) {
  if (node->parent == nullptr) return;
  DirectoryState& state = *node->parent->directory;
  state.children.erase(node);
  LeaveSlot(node);
  node->parent = nullptr;
}

void Tree::Remove(Node* node) {
  if (node->directory) {
    std::vector<Node*> children(node->directory->children.begin(), node->directory->children.end());
    for (Node* child : children) Remove(child);
  }
  Unhook(node);
  node->unlinked = true;
  if (node->extra && node->extra->open) node->extra->open->unlinked = true;
  FreeIfUnused(node);
}

void Tree::Move(Node* node, Node* directory, const std::string& name) {
  Unhook(node);
  Account(-NodeBytes(node));
  node->name = name;
  Account(NodeBytes(node));
  Attach(node, directory);
  node->local_stamp = NextStamp();
  node->seen_generation = 0;  // generations count within one directory
  node->found = false;
  if (node->directory) node->directory->moved_stamp = node->local_stamp;
}

void Tree::CompactSlots(Node* directory) {
  DirectoryState& state = *directory->directory;
  if (state.IsRead() || state.run || state.slots.size() < 64 ||
      state.children.size() * 2 > state.slots.size())
    return;
  NumberSlots(directory);
}

void Tree::NumberSlots(Node* directory) {
  DirectoryState& state = *directory->directory;
  const size_t held = state.slots.held();
  state.slots.Compact([](Node* child, size_t slot) { child->slot = static_cast<uint32_t>(slot); });
  Account(-kSlotBytes * static_cast<int64_t>(held - state.slots.held()));
  state.dropped_end = 0;
}

std::string Tree::Key(const Node* node) const {
  std::vector<const Node*> way;
  size_t bytes = prefix_.size();
  for (const Node* at = node; at->parent != nullptr; at = at->parent) {
    way.push_back(at);
    bytes += at->name.size() + 1;
  }
  std::string key;
  key.reserve(bytes);
  key = prefix_;
  for (size_t i = way.size(); i-- > 0;) {
    key += way[i]->name;
    if (way[i]->is_directory()) key += '/';
  }
  return key;
}

std::string Tree::Path(const Node* node) const {
  if (node->unlinked) return StrCat("(unlinked) ", node->name);
  return StrCat("/", Key(node).substr(prefix_.size()));
}

bool Tree::IsBelow(const Node* node, const Node* ancestor) const {
  for (; node != nullptr; node = node->parent)
    if (node == ancestor) return true;
  return false;
}

bool Tree::IsLeaving(const Node* node) const {
  for (; node != nullptr; node = node->parent)
    if (node->leaving > 0) return true;
  return false;
}

bool Tree::HasMovedSince(const Node* directory, uint64_t stamp) const {
  for (; directory != nullptr; directory = directory->parent)
    if (directory->directory->moved_stamp > stamp) return true;
  return false;
}

bool Tree::HasLocalState(const Node* node) const {
  if (node->changing > 0 || node->leaving > 0) return true;
  if (!node->is_directory()) {
    if (!node->published) return true;
    if (!node->extra) return false;
    return node->extra->pending || (node->extra->open && node->extra->open->dirty());
  }
  return std::any_of(node->directory->children.begin(), node->directory->children.end(),
                     [this](const Node* child) NO_THREAD_SAFETY_ANALYSIS { return HasLocalState(child); });
}

NodeExtra& Tree::Extra(Node* node) {
  if (!node->extra) {
    node->extra = std::make_unique<NodeExtra>();
    Account(kExtraBytes);
  }
  return *node->extra;
}

void Tree::Recount(Node* node) {
  if (!node->extra) return;
  uint32_t& counted = node->extra->bytes_above_usual;
  const auto now = static_cast<uint32_t>(std::max(TextBytes(*node->extra), kExtraTextBytes) - kExtraTextBytes);
  Account(int64_t{now} - counted);
  counted = now;
}

void Tree::FreeIfUnused(Node* node) {
  if (node->lookups > 0 || node->pins > 0 || !node->unlinked) return;
  if (node->directory) {
    directories_.erase(node->directory->recent);
    Account(-kSlotBytes * static_cast<int64_t>(node->directory->slots.held()));
  }
  Account(-NodeBytes(node));
  nodes_.erase(node);
  nodes_gauge_.Add(-1);
  delete node;
}

void Tree::Unpin(Node* node) {
  --node->pins;
  FreeIfUnused(node);
}

bool Tree::Forget(Node* node, uint64_t lookups) {
  if (node == root_) return false;
  node->lookups -= static_cast<uint32_t>(std::min<uint64_t>(lookups, node->lookups));
  if (node->lookups == 0) node->was_opened = false;
  const bool shrinks = node->lookups == 0 && NoteDroppable(1);
  FreeIfUnused(node);
  return shrinks;
}

void Tree::Touch(Node* directory) {
  directories_.splice(directories_.begin(), directories_, directory->directory->recent);
}

void Tree::BeginRequest(Node* directory, uint64_t stamp) {
  DirectoryState& state = *directory->directory;
  if (!state.removed) state.removed = std::make_unique<RemovedNames>();
  state.removed->BeginRequest(stamp);
}

void Tree::EndRequest(Node* directory, uint64_t stamp) {
  DirectoryState& state = *directory->directory;
  if (!state.removed->EndRequest(stamp)) state.removed.reset();
}

void Tree::NoteRemoved(Node* directory, const std::string& name) {
  const uint64_t stamp = NextStamp();
  if (directory->directory->removed) directory->directory->removed->Add(name, stamp);
}

}  // namespace ossfs2
