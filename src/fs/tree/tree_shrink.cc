// How the Tree keeps its budget: which nodes can go, and in which order.
#include <algorithm>

#include "fs/tree/listing_run.h"
#include "fs/tree/tree.h"

namespace ossfs2 {
namespace {

constexpr size_t kForgetBytes = 256;  // what a name that is dropped frees, about
// Names that the kernel is asked to forget and has not heard of yet, at most: they are memory too.
constexpr size_t kForgetMax = 65536;
constexpr uint64_t kForgetShare = 16;  // and of the budget
// Of the budget: what a reader has just passed, and may look up next (find and du read 100,000 names first: 25 MiB).
constexpr uint64_t kJustPassedShare = 8;
constexpr uint64_t kAheadShare = 32;  // and what is fetched ahead of one
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

// Behind the last name that may go: readers come to those behind it, and so do look-ups in the order of a listing.
size_t Tree::EndOfPassed(const DirectoryState& state, Spare spare) const {
  size_t end = state.slots.size();
  if (state.run && state.run->for_look_ups && spare == Spare::kJustPassed) end = std::min(end, state.run->newest_slot);
  bool is_read = false;
  for (const DirectoryReader* reader : state.readers) {
    if (!reader->reads) continue;
    end = std::min(end, reader->next_slot);
    is_read = true;
  }
  if (!is_read || spare == Spare::kNothing) return end;
  return end - std::min<size_t>(end, bytes_max_ / kJustPassedShare / kForgetBytes);
}

void Tree::DropChildren(Node* directory, uint64_t target, Spare spare) {
  const DirectoryState& state = *directory->directory;
  // A listing for lookups: a few pages, wanted at once. One that its readers left is none.
  if (spare != Spare::kNothing && state.run && state.run->question && !state.IsRead()) return;
  const size_t end = EndOfPassed(state, spare);
  for (size_t i = 0; i < end && bytes_ > target; ++i)
    if (state.slots[i] != nullptr) Drop(directory, i);
  CompactSlots(directory);
}

void Tree::AskToForget(const Node* directory, bool was_opened, size_t names_max,
                       std::vector<std::pair<Ino, std::string>>& forget) const {
  const DirectoryState& state = *directory->directory;
  const size_t end = EndOfPassed(state, Spare::kJustPassed);
  for (size_t i = 0; i < end && forget.size() < names_max; ++i) {
    const Node* child = state.slots[i];
    if (child == nullptr || child->lookups == 0 || child->pins > 0 || child->was_opened != was_opened) continue;
    // A directory goes after all below it: whoever works there would see it as deleted.
    if (!child->directory || child->directory->children.empty()) forget.emplace_back(directory->ino, child->name);
  }
}

bool Tree::Fits(uint64_t names) const { return names * kForgetBytes <= bytes_max_ / 4 * 3; }

uint64_t Tree::NamesAheadMax() const { return bytes_ > bytes_max_ ? 0 : bytes_max_ / kAheadShare / kForgetBytes; }

bool Tree::NoteDroppable(size_t names) {
  const uint64_t pass = bytes_max_ / kPassShare;
  const bool was_enough = droppable_bytes_ >= pass;
  droppable_bytes_ += names * kForgetBytes;
  return !was_enough && droppable_bytes_ >= pass && bytes_ > HighBytes();
}

std::vector<std::pair<Ino, std::string>> Tree::Shrink(size_t asked) {
  std::vector<std::pair<Ino, std::string>> forget;
  const uint64_t high = HighBytes();
  const bool nothing_new =
      bytes_ < shrink_again_at_ && stamp_ < shrink_again_stamp_ && droppable_bytes_ < bytes_max_ / kPassShare;
  if (bytes_ <= high || nothing_new) return forget;
  droppable_bytes_ = 0;
  const uint64_t target = high - bytes_max_ / 16;
  std::vector<Ino> order;  // numbers: a directory may be dropped as a child of an earlier one
  for (auto it = directories_.rbegin(); it != directories_.rend(); ++it) order.push_back((*it)->ino);
  const auto drop = [&](uint64_t until, Spare spare) NO_THREAD_SAFETY_ANALYSIS {
    for (const Ino ino : order) {
      if (bytes_ <= until) break;
      if (Node* directory = Find(ino)) DropChildren(directory, until, spare);
    }
  };
  drop(target, Spare::kJustPassed);
  if (bytes_ > target) {
    const size_t wanted = (bytes_ - target) / kForgetBytes + 1;
    const size_t names_max = std::min<size_t>({wanted, kForgetMax, bytes_max_ / kForgetShare / kForgetBytes});
    for (const bool was_opened : {false, true})
      for (auto it = order.begin(); it != order.end() && forget.size() + asked < names_max; ++it)
        if (const Node* directory = Find(*it)) AskToForget(directory, was_opened, names_max - asked, forget);
  }
  // The kernel takes its time.
  if (bytes_ > bytes_max_) drop(high, Spare::kNothing);
  // A pass over everything that found little is not repeated for every new node.
  shrink_again_at_ = bytes_ > high ? bytes_ + bytes_max_ / kPassShare : 0;
  // By then what was in use is so no more, and the pass costs little for each request since.
  shrink_again_stamp_ = stamp_ + std::max<uint64_t>(kUsedStamps, nodes_.size() / 8);
  return forget;
}

}  // namespace ossfs2
