// What the Resolver asks of listed files and folders: the attributes kept in metadata, which a list does not tell.
#include <algorithm>

#include "fs/lookup/resolver.h"
#include "fs/shared/object_facts.h"
#include "fs/shared/parallel.h"

namespace ossfs2 {
namespace {

constexpr uint32_t kWindowFirst = 8;
constexpr size_t kGapMax = 64;  // names of other kinds may lie between two files
// So many look-ups in no order, and so many of a directory's names, do not come from somebody who wants a few files
// only: programs that sort by inode number (du, find), shuffled data sets.
constexpr size_t kJumpsMin = 16;
constexpr size_t kJumpsShare = 64;
constexpr size_t kNeighboursLookedAtMax = 4096;  // with the tree's mutex held

}  // namespace

uint32_t MetadataAhead::Widen(size_t slot, size_t names) {
  if (slot >= begin && slot < edge) return 0;  // asked for already
  const bool goes_on = slot >= edge && slot - edge <= kGapMax;
  if (!goes_on) ++jumps;
  if (jumps >= std::max(kJumpsMin, names / kJumpsShare))
    window = kWidth;
  else
    window = !goes_on ? 0 : window == 0 ? kWindowFirst : kWidth;
  begin = slot;
  edge = slot + 1;
  return asking ? 0 : window;
}

bool Resolver::IsBare(const Node* node) const {
  return context_.IsFresh(node) && context_.NeedsMetadata(node);
}

// One stat of one file is one request; `ls -l` has the next ones before it asks.
Status Resolver::AskMetadata(Node* directory, const Node* child) {
  MetadataAhead& ahead = directory->directory->metadata_ahead;
  const uint32_t neighbours = ahead.Widen(child->slot, directory->directory->children.size());
  std::vector<Ino> next;
  const SlotTable& slots = directory->directory->slots;
  const size_t end = std::min(slots.size(), child->slot + kNeighboursLookedAtMax);
  for (size_t slot = ahead.edge; slot < end && next.size() < neighbours; ++slot) {
    ahead.edge = slot + 1;
    if (slots[slot] != nullptr && IsBare(slots[slot])) next.push_back(slots[slot]->ino);
  }
  if (!next.empty()) AskAhead(directory, std::move(next));
  const Ino ino = child->ino;
  context_.tree.mutex.Unlock();
  const Status asked = AskOne(ino);
  context_.tree.mutex.Lock();
  return asked;
}

void Resolver::AskAhead(Node* directory, std::vector<Ino> files) {
  directory->directory->metadata_ahead.asking = true;
  context_.tree.Pin(directory);
  const auto end = [this, directory]() NO_THREAD_SAFETY_ANALYSIS {
    directory->directory->metadata_ahead.asking = false;
    context_.tree.Unpin(directory);
  };
  const bool begun = context_.TrySpawn([this, end, asked = std::move(files)] {
    RunParallel(context_.executor, asked.size(), MetadataAhead::kWidth, [&](size_t i) {
      const Status failed = AskOne(asked[i]);
      (void)failed;  // told to whoever looks it up
    });
    MutexLock lock(context_.tree.mutex);
    end();
  });
  if (!begun) end();
}

// A flight begins only with its request: whoever waits for one waits for the network, never for a thread.
Status Resolver::AskOne(Ino ino) {
  Key key;
  const auto flight = std::make_shared<Flight>();
  {
    MutexLock lock(context_.tree.mutex);
    const Node* node = context_.tree.Find(ino);
    if (node == nullptr || node->parent == nullptr || !IsBare(node)) return {};
    key = {node->parent->ino, node->name};
    if (!flights_.emplace(key, flight).second) return {};
    flight->begun = context_.tree.NextStamp();
  }
  const Status asked = FetchMetadata({ino});
  MutexLock lock(context_.tree.mutex);
  if (!asked) flight->result = Result<Ino>(asked.error());
  flight->done = true;
  flights_.erase(key);
  context_.listed.NotifyAll();
  return asked;
}

Status Resolver::FetchMetadata(const std::vector<Ino>& nodes) {
  Mutex mutex;
  Status failed;
  RunParallel(context_.executor, nodes.size(), MetadataAhead::kWidth, [&](size_t i) {
    MutexLock lock(context_.tree.mutex);
    Node* node = context_.tree.Find(nodes[i]);
    if (node == nullptr || node->parent == nullptr || !context_.NeedsMetadata(node)) return;
    const std::string key = context_.tree.Key(node);
    const uint64_t stamp = context_.tree.NextStamp();
    lock.Unlock();
    Result<ObjectInfo> head = context_.store.Head(key);
    Notices notices;
    lock.Lock();
    node = context_.tree.Find(nodes[i]);
    if (node != nullptr && node->parent != nullptr && node->local_stamp < stamp) {
      context_.tree.MarkUsed(node);
      if (head && node->is_directory()) {
        TakeMarker(context_, node, *head);
      } else if (head) {
        TakeKept(context_, node, *head, notices);
      } else if (IsAbsent(head.error()) && !context_.tree.IsLeaving(node) &&
                 !context_.tree.HasMovedSince(node->parent, stamp)) {
        if (node->is_directory())
          context_.tree.Extra(node).metadata_known = true;  // no marker
        else if (node->changing == 0)
          node->valid_until = {};  // gone: whoever looks it up asks
      }
    }
    lock.Unlock();
    context_.Tell(notices);
    if (head || IsAbsent(head.error())) return;
    MutexLock failure(mutex);
    if (failed) failed = Status(head.error());
  });
  context_.Shrink();
  return failed;
}

}  // namespace ossfs2
