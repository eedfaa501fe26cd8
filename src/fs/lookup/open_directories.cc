#include "fs/lookup/open_directories.h"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <optional>
#include <utility>
#include <vector>

#include "base/report/log.h"
#include "base/values/str.h"

namespace ossfs2 {
namespace {

constexpr size_t kBatchEntries = 256;
constexpr uint64_t kFirstSlotCookie = 2;
// A listing that nobody has asked for yet is believed for less than others. With a shorter attr_timeout there is none.
constexpr std::chrono::seconds kListedAheadBelieved{10};
constexpr size_t kNeighboursLookedAtMax = 1024;  // with the tree's mutex held

}  // namespace

struct OpenDirectories::Batch {
  std::vector<DirEntry> entries;
  std::vector<Ino> counted;  // lookups taken for `entries`, 0 where none
  std::vector<Ino> unknown;  // of them, those whose kept attributes must be asked for
  bool ended = false;
};

Result<HandleId> OpenDirectories::Open(Ino ino, HandleId id) {
  MutexLock lock(context_.tree.mutex);
  Node* node = context_.tree.Find(ino);
  if (node == nullptr) return context_.Stale(ino);
  if (!node->is_directory()) return NotADirectory(context_.tree.Path(node));
  context_.tree.CompactSlots(node);
  context_.tree.Touch(node);
  context_.tree.Pin(node);
  auto handle = std::make_shared<Handle>();
  node->directory->readers.push_back(&handle->reader);
  handle->id = id;
  handle->ino = ino;
  handles_.Add(std::move(handle));
  return id;
}

void OpenDirectories::Release(HandleId id) {
  const auto handle = handles_.Take(id);
  if (!handle) return;
  {
    MutexLock lock(context_.tree.mutex);
    Node* node = context_.tree.Find(handle->ino);
    // Nobody reads on: the listing stops after the page that is under way.
    std::erase(node->directory->readers, &handle->reader);
    if (const size_t slots = node->directory->slots.size(); handle->reader.reads && slots > handle->reader.next_slot)
      context_.tree.NoteDroppable(slots - handle->reader.next_slot);
    if (node->directory->readers.empty() && handle->run) handle->run->pages_wanted = 0;
    context_.tree.Unpin(node);
  }
  context_.Shrink();
}

void OpenDirectories::AddDots(Node* directory, uint64_t cookie, Batch& batch) {
  for (uint64_t dot = cookie; dot < kFirstSlotCookie; ++dot) {
    const Node* node = dot == 0 || directory->parent == nullptr ? directory : directory->parent;
    DirEntry entry;
    entry.name = dot == 0 ? "." : "..";
    entry.entry.attr.ino = node->ino;
    entry.entry.attr.mode = S_IFDIR;
    entry.cookie = dot + 1;
    batch.entries.push_back(std::move(entry));
    batch.counted.push_back(0);
  }
}

// Whoever wants only names is not made to wait for a HEAD of every file: until somebody goes through the directory,
// files that the kernel does not have come without attributes. Of those that it has it may show old ones.
void OpenDirectories::AddChild(Node* child, uint64_t cookie, bool plus, bool names_only, Batch& batch) {
  const bool unknown = plus && context_.NeedsMetadata(child);
  const bool asks = child->is_directory() || child->lookups > 0 ||
                    child->parent->directory->metadata_ahead.window >= MetadataAhead::kWidth;
  DirEntry entry;
  entry.name = child->name;
  entry.entry = context_.MakeEntry(child);
  entry.cookie = cookie;
  entry.has_attributes = (!unknown || asks) && (!names_only || child->lookups > 0);
  const bool counts = plus && entry.has_attributes;
  batch.entries.push_back(std::move(entry));
  batch.counted.push_back(counts ? child->ino : 0);
  if (!counts) {
    context_.tree.NoteDroppable(1);
    return;
  }
  ++child->lookups;
  if (unknown) batch.unknown.push_back(child->ino);
}

bool OpenDirectories::GivesNamesOnly(Handle& handle, const DirectoryState& state) {
  const bool looks_up = std::exchange(handle.look_ups, state.look_ups) != state.look_ups;
  if (context_.tree.IsFull()) {
    handle.names_only = true;
  } else if (looks_up) {
    handle.names_only = false;
  }
  return handle.names_only;
}

// A seek back to where names are out of memory lists them anew; they come behind the others.
void OpenDirectories::BeginListing(Handle& handle, Node* directory, size_t slot) {
  lister_.SharesTree(context_.tree);
  const DirectoryState& state = *directory->directory;
  handle.begun = true;
  handle.names_only = false;
  if (state.dropped_end > 0 && state.readers.size() == 1 && !context_.IsListed(directory))
    context_.tree.DropForRelisting(directory, slot == 0);
  handle.run = directory->unlinked || context_.IsListed(directory) ? nullptr : lister_.Start(directory);
  handle.known_end = handle.run ? 0 : state.slots.size();
  handle.handed_out = 0;
}

// A walk (find, du, cp -r, rm -rf) reads a folder only after the one before it, and each costs two requests, one after
// the other. So the next ones are asked for beside them, in the order of the listing, from its start again at its end:
// walks in another order come to all of them as well.
void OpenDirectories::ListAhead(Node* directory) {
  const SteadyTime now = context_.clock.NowSteady();
  const SteadyTime believed_until = std::exchange(directory->directory->listed_ahead_until, SteadyTime{});
  const bool was_ahead = believed_until != SteadyTime{};
  if (was_ahead && now >= believed_until) {
    directory->directory->complete = false;
    directory->directory->run = nullptr;
  }
  Node* parent = directory->parent;
  if (parent == nullptr || context_.options.attr_timeout_s < kListedAheadBelieved.count()) return;
  lister_.SharesTree(context_.tree);
  DirectoryState& state = *parent->directory;
  uint32_t wanted = state.walk_ahead.Step(was_ahead);
  const size_t looked_at = std::min(state.slots.size(), kNeighboursLookedAtMax);
  for (size_t i = 1; wanted > 0 && i < looked_at; ++i) {
    Node* next = state.slots[(directory->slot + i) % state.slots.size()];
    if (next == nullptr || !next->is_directory() || next->directory->run || context_.IsListed(next) ||
        next->directory->listed_ahead_until != SteadyTime{} || context_.tree.IsLeaving(next))
      continue;
    lister_.Want(next, lister_.Start(next), 1);
    next->directory->listed_ahead_until = now + kListedAheadBelieved;
    ++state.walk_ahead.waiting;
    --wanted;
  }
}

// Some of its keys are gone already: what is below it is listed by the new ones.
void OpenDirectories::BeginAfterCancel(MutexLock& lock, Handle& handle, Node* directory) {
  lister_.SharesTree(context_.tree);
  while (context_.tree.IsLeaving(directory)) context_.listed.Wait(lock);
  handle.run = directory->unlinked ? nullptr : lister_.Start(directory);
  handle.handed_out = 0;
}

// Otherwise the listing would be in memory up to that name before the first one is handed out.
bool OpenDirectories::MakesWay(const Handle& handle, const DirectoryState& state, const Batch& batch) {
  const auto reads = [](const DirectoryReader* reader) { return reader->reads; };
  return handle.run->confirmed > handle.handed_out + batch.entries.size() &&
         std::count_if(state.readers.begin(), state.readers.end(), reads) == 1;
}

Status OpenDirectories::Collect(Handle& handle, uint64_t cookie, bool plus, bool is_first, Batch& batch) {
  MutexLock lock(context_.tree.mutex);
  lister_.SharesTree(context_.tree);
  Node* directory = context_.tree.Find(handle.ino);
  // Closed by a program that was let go while this ran, and dropped from memory since.
  if (directory == nullptr || !directory->is_directory()) return context_.Stale(handle.ino);
  const NodePin pin(context_.tree, directory);
  DirectoryState& state = *directory->directory;
  AddDots(directory, cookie, batch);
  if (cookie == 0) {
    state.metadata_ahead.Restart();
    state.walk_ahead = {};
    ListAhead(directory);
  }
  size_t slot = cookie <= kFirstSlotCookie ? 0 : static_cast<size_t>(cookie - kFirstSlotCookie);
  const bool out_of_memory = slot < handle.reader.next_slot && slot < state.dropped_end;
  if (cookie == 0 || !handle.begun || out_of_memory) BeginListing(handle, directory, slot);
  const bool names_only = plus && GivesNamesOnly(handle, state);
  handle.reader.reads = true;
  if (is_first) handle.reader.next_slot = slot;  // what this read hands out is looked up after it
  Status status;
  size_t moves_left = state.slots.size();
  while (batch.entries.size() < kBatchEntries) {
    if (handle.run && handle.run->canceled) BeginAfterCancel(lock, handle, directory);
    const std::shared_ptr<ListingRun> run = handle.run;
    if (run) lister_.Want(directory, run, lister_.PagesAhead(*run, handle.handed_out + batch.entries.size()));
    bool wait = false;
    if (slot < state.slots.size()) {
      Node* child = state.slots[slot];
      std::optional<bool> shows = child != nullptr;
      if (child != nullptr && run) shows = Lister::Shows(*run, child);
      if (child != nullptr && !run && child->found && slot >= handle.known_end) shows = false;
      wait = !shows.has_value();
      if (!wait) {
        ++slot;
        if (*shows) AddChild(child, slot + kFirstSlotCookie, plus, names_only, batch);
        continue;
      }
      if (slot + 1 < state.slots.size() && moves_left > 0 && MakesWay(handle, state, batch)) {
        --moves_left;
        ++slot;
        context_.tree.MoveBehind(child);
        continue;
      }
    }
    if (!wait && (!run || (run->ended && !run->error))) {
      batch.ended = true;
      break;
    }
    // What is there is handed out before more is waited for.
    if (!batch.entries.empty() && batch.entries.back().cookie > kFirstSlotCookie) break;
    if (run->error) {
      status = *run->error;
      handle.run = nullptr;
      handle.begun = false;
      break;
    }
    lister_.Step(lock, directory, run);
  }
  // The pin takes the mutex when it goes.
  lock.Unlock();
  return status;
}

// One file whose HEAD is refused does not make the directory unlistable: its name comes without attributes,
// and its own lookup tells the error.
void OpenDirectories::FillUnknown(Batch& batch) {
  const Status fetched = resolver_.FetchMetadata(batch.unknown);
  if (!fetched) LogLimited(LogLevel::kWarning, StrCat("Listed without attributes: ", fetched.error().ToString()));
  MutexLock lock(context_.tree.mutex);
  for (size_t i = 0; i < batch.entries.size(); ++i) {
    DirEntry& entry = batch.entries[i];
    Node* node = context_.tree.Find(entry.entry.attr.ino);
    if (node == nullptr || node->unlinked) continue;
    if (!entry.has_attributes) continue;
    entry.entry = context_.MakeEntry(node);
    if (batch.counted[i] == 0 || !context_.NeedsMetadata(node)) continue;
    entry.has_attributes = false;
    batch.counted[i] = 0;
    context_.tree.Forget(node, 1);
  }
}

Status OpenDirectories::Read(HandleId id, uint64_t cookie, bool plus,
                                     const std::function<bool(const DirEntry&)>& add) {
  const auto handle = handles_.Get(id);
  if (!handle) return BadHandle(id);
  bool wants_more = true;
  bool delivered = false;
  bool is_first = true;
  while (wants_more) {
    Batch batch;
    const Status collected = Collect(*handle, cookie, plus, is_first, batch);
    is_first = false;
    Status status = collected;
    if (status && !batch.unknown.empty()) FillUnknown(batch);
    size_t taken = 0;
    while (status && taken < batch.entries.size() && add(batch.entries[taken]))
      cookie = batch.entries[taken++].cookie;
    wants_more = status.has_value() && taken == batch.entries.size() && !batch.ended;
    delivered = delivered || taken > 0;
    MutexLock lock(context_.tree.mutex);
    handle->handed_out += taken;
    for (size_t i = taken; i < batch.counted.size(); ++i)
      if (Node* node = batch.counted[i] == 0 ? nullptr : context_.tree.Find(batch.counted[i]))
        context_.tree.Forget(node, 1);
    // An error after entries comes with the next call.
    if (!status && !delivered) return status;
    if (!status) break;
  }
  context_.Shrink();
  return {};
}

}  // namespace ossfs2
