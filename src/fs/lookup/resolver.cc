#include "fs/lookup/resolver.h"

#include <cerrno>
#include <utility>

#include "base/str.h"
#include "base/text.h"
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
  Node* directory = context_.tree.Find(parent);
  if (directory == nullptr) return context_.Stale(parent);
  if (!directory->is_directory()) return NotADirectory(context_.tree.Path(directory));
  context_.tree.Pin(directory);
  const bool only_new = trust == Trust::kOnlyNew;
  const uint64_t called = only_new ? context_.tree.NextStamp() : 0;
  int waited_pages = 0;
  bool asked_metadata = false;
  bool listed = false;
  Told answered;
  Result<Ino> result = NoEntry(name);
  for (;;) {
    bool is_bare = false;
    if (!only_new) {
      if (auto known = Known(directory, name)) {
        if (*known)
          result = Result<Ino>((**known)->ino);
        else
          result = known->error();
        break;
      }
      const Node* node = context_.tree.Child(directory, name);
      is_bare = node != nullptr && IsBare(node);
      if (!is_bare && !std::exchange(listed, true) && ListsFirst(directory)) {
        lister_.SharesTree(context_.tree);
        lister_.Start(directory);
      }
      // A listing under way will soon know better than a question of its own, most times.
      if (const auto run = directory->directory->run; run && !is_bare && waited_pages < kWaitPages &&
                                                      run->Believed(context_.clock.NowSteady()) &&
                                                      run->last_key <= name) {
        ++waited_pages;
        lister_.SharesTree(context_.tree);
        lister_.Step(lock, directory, run);
        continue;
      }
    }
    const auto flight = flights_.find(Key{parent, name});
    if (flight == flights_.end()) {
      if (is_bare && !asked_metadata) {
        asked_metadata = true;
        const Status asked = AskMetadata(directory, context_.tree.Child(directory, name));
        if (asked) continue;
        result = asked.error();
        break;
      }
      result = Ask(lock, directory, name, trust, answered);
      break;
    }
    const std::shared_ptr<Flight> joined = flight->second;
    while (!joined->done) context_.listed.Wait(lock);
    // Its answer may be from before this call, and then from before a change that the caller was told of.
    if (joined->begun < called || (only_new && joined->trust != trust) || !joined->result) continue;
    result = *joined->result;
    answered = joined->told;
    break;
  }
  if (told != nullptr) *told = std::move(answered);
  context_.tree.Unpin(directory);
  if (Node* node = result ? context_.tree.Find(*result) : nullptr) context_.tree.MarkUsed(node);
  return result;
}

}  // namespace ossfs2
