#include "fs/lookup/resolver.h"

#include <cerrno>
#include <utility>

#include "base/values/str.h"
#include "base/values/text.h"
#include "fs/tree/names.h"

namespace ossfs2 {
namespace {

constexpr double kAbsentForCreateS = 2;
constexpr auto kAbsentForCreate = std::chrono::seconds(2);
constexpr int kWaitPages = 2;  // of a listing under way that may soon name what is asked for

}  // namespace

std::optional<Result<Node*>> Resolver::Known(Node* directory, std::string_view name) {
  if (!directory->directory || directory->unlinked) return Result<Node*>(context_.Stale(directory->ino));
  if (IsHiddenName(directory == context_.tree.root(), context_.prefix, name))
    return Result<Node*>(NoEntry(name));
  Node* node = context_.tree.Child(directory, name);
  if (node != nullptr) {
    if (context_.IsFresh(node) && !context_.NeedsMetadata(node)) return Result<Node*>(node);
    return std::nullopt;
  }
  const double keep_s = context_.options.oss_negative_cache_timeout_s;
  if (context_.SaysAbsent(directory, keep_s)) return Result<Node*>(NoEntry(name));
  const auto keep = std::chrono::duration_cast<SteadyTime::duration>(std::chrono::duration<double>(keep_s));
  if (keep_s > 0 &&
      context_.tree.absent.Has(directory->ino, std::string(name), context_.clock.NowSteady() - keep))
    return Result<Node*>(NoEntry(name));
  if (!IsValidUtf8(name)) return Result<Node*>(NoEntry(name));  // no key of the service's, it refuses to be asked
  return std::nullopt;
}

Result<bool> Resolver::KnownAbsentForCreate(Ino parent, const std::string& name) {
  MutexLock lock(context_.tree.mutex);
  const Node* directory = context_.tree.Find(parent);
  if (directory == nullptr || directory->unlinked) return NoEntry(name);
  if (!directory->is_directory()) return false;
  if (context_.tree.Child(directory, name) != nullptr) return false;
  return context_.SaysAbsent(directory, kAbsentForCreateS) ||
         context_.tree.absent.Has(parent, name, context_.clock.NowSteady() - kAbsentForCreate);
}

Result<Ino> Resolver::Resolve(Ino parent, const std::string& name, Trust trust, Told* told) {
  OSSFS2_RETURN_IF_ERROR(CheckName(name));
  MutexLock lock(context_.tree.mutex);
  Node* const directory = context_.tree.Find(parent);
  if (directory == nullptr) return context_.Stale(parent);
  if (!directory->is_directory()) return NotADirectory(context_.tree.Path(directory));
  context_.tree.Pin(directory);
  LookUp look_up{.directory = directory, .name = name, .trust = trust};
  if (trust == Trust::kOnlyNew) look_up.called = context_.tree.NextStamp();
  std::optional<Result<Ino>> result;
  while (!result) result = ResolveOnce(lock, look_up);
  if (told != nullptr) *told = std::move(look_up.told);
  context_.tree.Unpin(directory);
  if (Node* node = *result ? context_.tree.Find(**result) : nullptr) context_.tree.MarkUsed(node);
  lock.Unlock();
  if (look_up.waited_pages > 0) context_.Shrink();  // they are in the tree
  return std::move(*result);
}

std::optional<Result<Ino>> Resolver::ResolveOnce(MutexLock& lock, LookUp& look_up) {
  Node* const directory = look_up.directory;
  bool is_bare = false;
  if (look_up.trust != Trust::kOnlyNew) {
    if (auto known = Known(directory, look_up.name)) {
      if (!*known) return Result<Ino>(known->error());
      return Result<Ino>((**known)->ino);
    }
    const Node* const node = context_.tree.Child(directory, look_up.name);
    is_bare = node != nullptr && IsBare(node);
    if (!is_bare && AwaitListing(lock, look_up)) return std::nullopt;
  }
  if (const auto flight = flights_.find(Key{directory->ino, look_up.name}); flight != flights_.end())
    return Join(lock, flight->second, look_up);
  if (is_bare && !std::exchange(look_up.asked_metadata, true)) {
    const Status asked = AskMetadata(directory, context_.tree.Child(directory, look_up.name));
    if (asked) return std::nullopt;
    return Result<Ino>(asked.error());
  }
  return Ask(lock, directory, look_up.name, look_up.trust, look_up.told);
}

bool Resolver::AwaitListing(MutexLock& lock, LookUp& look_up) {
  Node* const directory = look_up.directory;
  if (!std::exchange(look_up.listed, true) && ListsFirst(directory)) {
    lister_.SharesTree(context_.tree);
    lister_.Start(directory);
  }
  DirectoryState& state = *directory->directory;
  const auto run = state.run;
  if (!run || !run->Believed(context_.clock.NowSteady()) || run->last_key > look_up.name) return false;
  if (look_up.waited_pages >= kWaitPages) {
    if (run->IsPart()) state.run = nullptr;  // the look-ups do not go on in its order
    return false;
  }
  if (!run->IsPart() && !state.IsRead() && !context_.tree.Fits(state.names_listed)) return false;
  ++look_up.waited_pages;
  lister_.SharesTree(context_.tree);
  lister_.Step(lock, directory, run);
  return true;
}

std::optional<Result<Ino>> Resolver::Join(MutexLock& lock, std::shared_ptr<Flight> flight, LookUp& look_up) {
  while (!flight->done) context_.listed.Wait(lock);
  // Its answer may be from before this call, and then from before a change that the caller was told of.
  if (flight->begun < look_up.called) return std::nullopt;
  if (look_up.trust == Trust::kOnlyNew && flight->trust != look_up.trust) return std::nullopt;
  if (flight->result) look_up.told = flight->told;
  return flight->result;
}

}  // namespace ossfs2
