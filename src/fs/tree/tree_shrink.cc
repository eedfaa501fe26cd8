// How the Tree keeps its budget: which nodes can go, and in which order.
#include <algorithm>

#include "fs/tree/listing_run.h"
#include "fs/tree/tree.h"

namespace ossfs2 {
namespace {

constexpr size_t kForgetMax = 65536;  // names that the kernel is asked to forget at once
constexpr size_t kForgetBytes = 256;  // what one of them frees, about
constexpr uint32_t kUsedStamps = 1024;  // so many requests and changes later nobody is still about to use it
// Of the budget: so much must have come, or have become free to go, before a pass over everything that found little is
// repeated.
constexpr uint64_t kPassShare = 100;

}  // namespace

bool Tree::Droppable(const Node* node) const {
  if (node->lookups > 0 || node->pins > 0 || !node->published) return false;
  if (node->used_stamp != 0 && static_cast<uint32_t>(stamp_) - node->used_stamp < kUsedStamps) return false;
  if (node->extra && (node->extra->pending || node->extra->open)) return false;
  return !node->directory || (node->directory->children.empty() && !node->directory->removed &&
                              node->directory->readers.empty());
}

// Takes a child out of memory if nothing needs it.
bool Tree::Drop(Node* directory, size_t slot) {
  DirectoryState& state = *directory->directory;
  Node* child = state.slots[slot];
  if (!Droppable(child)) return false;
  state.complete = false;
  state.dropped_end = std::max(state.dropped_end, slot + 1);
  if (state.run) state.run->dropped = true;
  Unhook(child);
  child->unlinked = true;
  FreeIfUnused(child);
  return true;
}

void Tree::DropForRelisting(Node* directory, bool renumber) {
  DirectoryState& state = *directory->directory;
  for (size_t i = 0; i < state.slots.size(); ++i)
    if (state.slots[i] != nullptr) Drop(directory, i);
  if (renumber) NumberSlots(directory);
}

void Tree::DropChildren(Node* directory, uint64_t target, std::vector<std::pair<Ino, std::string>>& forget) {
  DirectoryState& state = *directory->directory;
  // A listing for lookups: a few pages, wanted at once. One that its readers left is none.
  if (state.run && state.run->question && !state.IsRead()) return;
  size_t end = state.slots.size();
  for (const DirectoryReader* reader : state.readers)
    if (reader->reads) end = std::min(end, reader->next_slot);
  const size_t forget_max = std::min(kForgetMax, (bytes_ - target) / kForgetBytes + 1);
  for (size_t i = 0; i < end && bytes_ > target; ++i) {
    Node* child = state.slots[i];
    if (child == nullptr || Drop(directory, i)) continue;
    // A directory goes after all below it: whoever works there would see it as deleted.
    const bool is_empty = !child->directory || child->directory->children.empty();
    if (child->lookups > 0 && child->pins == 0 && is_empty && forget.size() < forget_max) {
      forget.emplace_back(directory->ino, child->name);
    }
  }
  CompactSlots(directory);
}

// Below the limit: pages that are under way come on top, and what the kernel was asked to forget takes its time.
uint64_t Tree::HighBytes() const { return bytes_max_ - bytes_max_ / 8; }

bool Tree::NoteDroppable(size_t names) {
  const uint64_t pass = bytes_max_ / kPassShare;
  const bool was_enough = droppable_bytes_ >= pass;
  droppable_bytes_ += names * kForgetBytes;
  return !was_enough && droppable_bytes_ >= pass && bytes_ > HighBytes();
}

std::vector<std::pair<Ino, std::string>> Tree::Shrink() {
  std::vector<std::pair<Ino, std::string>> forget;
  const uint64_t high = HighBytes();
  const bool nothing_new =
      bytes_ < shrink_again_at_ && stamp_ < shrink_again_stamp_ && droppable_bytes_ < bytes_max_ / kPassShare;
  if (bytes_ <= high || nothing_new) return forget;
  droppable_bytes_ = 0;
  const uint64_t target = high - bytes_max_ / 16;
  std::vector<Ino> order;  // numbers: a directory may be dropped as a child of an earlier one
  for (auto it = directories_.rbegin(); it != directories_.rend(); ++it) order.push_back((*it)->ino);
  for (const Ino ino : order) {
    if (bytes_ <= target) break;
    if (Node* directory = Find(ino)) DropChildren(directory, target, forget);
  }
  if (bytes_ <= target) forget.clear();
  // A pass over everything that found little is not repeated for every new node.
  shrink_again_at_ = bytes_ > high ? bytes_ + bytes_max_ / kPassShare : 0;
  // By then what was in use is so no more, and the pass costs little for each request since.
  shrink_again_stamp_ = stamp_ + std::max<uint64_t>(kUsedStamps, nodes_.size() / 8);
  return forget;
}

}  // namespace ossfs2
