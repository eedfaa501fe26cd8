#include "fs/lookup/lister.h"

#include <algorithm>
#include <cerrno>

#include "base/report/log.h"
#include "base/values/str.h"
#include "fs/shared/object_facts.h"
#include "fs/tree/names.h"

namespace ossfs2 {
namespace {

Counter& HiddenKeys() {
  static Counter& counter =
      Registry::Default().counter("hidden_keys", "Keys met in listings that cannot be shown as file names.");
  return counter;
}

std::string ListedName(const Node* node) {
  return node->is_directory() ? StrCat(node->name, "/") : node->name;
}

}  // namespace

std::shared_ptr<ListingRun> Lister::Start(Node* directory) {
  DirectoryState& state = *directory->directory;
  // A run that its readers left long ago is not what a new reader may believe.
  if (state.run && !state.run->dropped && state.run->Believed(context_.clock.NowSteady())) return state.run;
  auto run = std::make_shared<ListingRun>();
  run->directory = directory->ino;
  run->generation = ++state.generation;
  run->start_stamp = context_.tree.NextStamp();
  run->fresh_until = context_.ValidUntil();
  run->prefix = context_.tree.Key(directory);
  state.run = run;
  state.cold_lookups = 0;
  return run;
}

std::shared_ptr<ListingRun> Lister::StartBehind(Node* directory, const std::string& name) {
  DirectoryState& state = *directory->directory;
  auto run = std::make_shared<ListingRun>();
  run->directory = directory->ino;
  run->start_stamp = context_.tree.NextStamp();
  run->fresh_until = context_.ValidUntil();
  run->prefix = context_.tree.Key(directory);
  run->start_after = run->last_key = name;
  run->dropped = true;
  state.run = run;
  return run;
}

std::optional<bool> Lister::Shows(const ListingRun& run, const Node* child) {
  const bool is_new = child->local_stamp > run.start_stamp && !child->found;
  if (child->seen_generation >= run.generation || is_new || !child->published) return true;
  if (run.ended) return !run.error && !run.canceled ? std::optional<bool>(false) : std::nullopt;
  if (ListedName(child) <= run.last_key) return false;
  return std::nullopt;
}

void Lister::Prepare(Node* directory, const std::shared_ptr<ListingRun>& run) {
  auto question = std::make_shared<PageQuestion>();
  question->stamp = context_.tree.NextStamp();
  question->known_marker = directory->directory->marker_version;
  question->first = run->pages == 0 && !run->IsPart();
  question->request.prefix = run->prefix;
  question->request.delimiter = "/";
  question->request.continuation = run->continuation;
  if (run->pages == 0 && run->IsPart()) question->request.start_after = run->prefix + run->start_after;
  question->request.max_keys = context_.options.list_page_size;
  run->question = std::move(question);
  context_.tree.BeginRequest(directory, run->question->stamp);
  context_.tree.Pin(directory);
}

void Lister::Step(MutexLock& lock, Node* directory, const std::shared_ptr<ListingRun>& run) {
  if (run->ended) return;
  if (!run->question) Prepare(directory, run);
  const std::shared_ptr<PageQuestion> question = run->question;
  if (question->taken.exchange(true)) {
    context_.listed.Wait(lock);
    return;
  }
  // Opened and closed on the mutex itself: the analysis does not follow a caller's MutexLock.
  context_.tree.mutex.Unlock();
  Answer(run, question);
  context_.tree.mutex.Lock();
}

uint64_t Lister::PagesAhead(const ListingRun& run, uint64_t handed_out) const {
  const auto page_entries = static_cast<uint64_t>(context_.options.list_page_size);
  const uint64_t wanted = handed_out + std::min(kLookAheadPages * page_entries, context_.tree.NamesAheadMax());
  return run.pages + (std::max(wanted, run.entries) - run.entries + page_entries - 1) / page_entries;
}

void Lister::Want(Node* directory, const std::shared_ptr<ListingRun>& run, uint64_t pages_wanted) {
  run->pages_wanted = std::max(run->pages_wanted, pages_wanted);
  if (run->ended || run->question || run->pages >= run->pages_wanted) return;
  Prepare(directory, run);
  const bool begun = context_.TrySpawn([this, run, question = run->question] {
    if (question->taken.exchange(true)) return;
    Answer(run, question);
    context_.Shrink();
  });
  if (!begun) Withdraw(directory, *run);
}

void Lister::Withdraw(Node* directory, ListingRun& run) {
  context_.tree.EndRequest(directory, run.question->stamp);
  run.question = nullptr;
  context_.tree.Unpin(directory);
}

void Lister::Answer(const std::shared_ptr<ListingRun>& run, const std::shared_ptr<PageQuestion>& question) {
  Result<ListPage> page = context_.store.List(question->request);
  std::optional<ObjectInfo> marker;
  if (page && question->first) marker = AskMarker(*question, *page);
  Notices notices;
  {
    MutexLock lock(context_.tree.mutex);
    Node* directory = context_.tree.Find(run->directory);  // pinned by Prepare
    run->question = nullptr;
    if (!page) {
      run->error = page.error();
      run->ended = true;
    } else if (directory->unlinked || context_.tree.Key(directory) != run->prefix ||
               context_.tree.IsLeaving(directory)) {
      run->canceled = run->ended = true;
    } else if (!directory->directory->removed->IsComplete(question->stamp)) {
      Want(directory, run, run->pages_wanted);  // the same page again
    } else {
      if (marker && directory->local_stamp < question->stamp) TakeMarker(context_, directory, *marker);
      Merge(directory, run, *page, question->stamp, notices);
    }
    if (run->ended && directory->directory->run == run) directory->directory->run = nullptr;
    context_.tree.EndRequest(directory, question->stamp);
    context_.listed.NotifyAll();
    context_.tree.Unpin(directory);
  }
  context_.Tell(notices);
}

std::optional<ObjectInfo> Lister::AskMarker(const PageQuestion& question, const ListPage& page) {
  const std::string& key = question.request.prefix;
  if (key.empty() || page.entries.empty() || !context_.options.keep_attributes) return std::nullopt;
  const ListEntry& first = page.entries.front();
  if (first.key != key || MarkerVersion(first.etag, first.mtime_s) == question.known_marker)
    return std::nullopt;
  Result<ObjectInfo> head = context_.store.Head(key);
  if (head) return *head;
  LogLimited(LogLevel::kWarning, StrCat("Attributes kept below ", key,
                                        " could not be asked for: ", head.error().ToString()));
  return std::nullopt;
}

void Lister::Merge(Node* directory, const std::shared_ptr<ListingRun>& run, const ListPage& page,
                   uint64_t stamp, Notices& notices) {
  if (run->pages == 0 && !run->IsPart() && (page.entries.empty() || page.entries.front().key != run->prefix) &&
      directory->local_stamp < stamp)
    directory->directory->marker = Known::kNo;
  ++run->pages;
  run->entries += page.entries.size();
  run->continuation = page.continuation;
  DirectoryState& state = *directory->directory;
  if (!run->IsPart()) state.names_listed = std::max(state.names_listed, run->entries);
  run->newest_slot = state.slots.size();
  if (run->for_look_ups && !state.IsRead() && (context_.tree.IsFull() || !context_.tree.Fits(state.names_listed)))
    run->pages_wanted = run->pages;
  // The next page is on its way while this one is merged; it is merged after it, for we hold the mutex.
  if (!page.continuation.empty()) Want(directory, run, run->pages_wanted);
  const uint64_t merged = context_.tree.NextStamp();  // one for all: stamps also tell how long ago a node was used
  for (const ListEntry& entry : page.entries) MergeEntry(directory, *run, entry, stamp, merged, notices);
  if (page.continuation.empty()) Finish(directory, *run, notices);
}

void Lister::MergeEntry(Node* directory, ListingRun& run, const ListEntry& entry, uint64_t stamp, uint64_t merged,
                        Notices& notices) {
  std::string_view relative = entry.key;
  if (relative.substr(0, run.prefix.size()) != run.prefix) return;  // not what was asked for
  relative.remove_prefix(run.prefix.size());
  run.last_key = std::string(relative);
  DirectoryState& state = *directory->directory;
  if (relative.empty()) {
    state.marker = Known::kYes;
    return;
  }
  if (run.prefix.empty() && relative == kRootFlagName) {
    state.keeps_attributes = Known::kYes;
    return;
  }
  if (IsHiddenName(directory == context_.tree.root(), context_.prefix, relative)) {
    ++run.hidden_keys;
    return;
  }
  const bool is_directory = relative.back() == '/';
  if (is_directory) relative.remove_suffix(1);
  const std::string name(relative);
  Node* node = IsNameShowable(name) ? context_.tree.Child(directory, name) : nullptr;
  const bool file_wins =
      is_directory && node != nullptr && !node->is_directory() && node->seen_generation >= run.generation;
  if (!IsNameShowable(name) || file_wins) {
    ++run.hidden_keys;
    HiddenKeys().Add();
    return;
  }
  if (state.removed->Has(name, stamp)) return;
  if (node != nullptr && node->local_stamp > stamp) {
    node->seen_generation = std::max(node->seen_generation, run.generation);
    ++run.confirmed;
    return;
  }
  bool first = false;
  const NodeType type = is_directory ? NodeType::kDirectory : TypeOfObject(entry.type);
  node = ChildOfType(context_, directory, name, type, first, notices);
  if (node == nullptr) return;
  if (first && run.IsPart()) node->found = true;
  node->seen_generation = std::max(node->seen_generation, run.generation);
  ++run.confirmed;
  const bool changed = !is_directory && TakeListed(context_, node, entry, first, notices);
  if (is_directory) node->valid_until = context_.ValidUntil();
  if (first || changed) node->local_stamp = merged;
}

void Lister::Finish(Node* directory, ListingRun& run, Notices& notices) {
  run.ended = true;
  if (run.IsPart()) return;
  DirectoryState& state = *directory->directory;
  state.names_listed = run.entries;
  if (state.generation != run.generation) return;  // a newer listing decides
  std::vector<Node*> gone;
  for (Node* child : state.children)
    if (child->seen_generation < run.generation && child->local_stamp <= run.start_stamp &&
        !context_.tree.HasLocalState(child))
      gone.push_back(child);
  for (Node* child : gone) {
    notices.entries.emplace_back(directory->ino, child->name);
    context_.tree.Remove(child);
  }
  if (run.for_look_ups && run.pages == 1 && directory->parent != nullptr)
    ++directory->parent->directory->folders_looked_through;
  state.complete = !run.dropped;
  if (state.complete) state.guess.NoteComplete();
  state.fresh_until = run.fresh_until;
  state.hidden_keys = run.hidden_keys;
}

}  // namespace ossfs2
