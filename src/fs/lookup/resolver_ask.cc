// Looking a name up in the bucket: one question at a time for each name, and what becomes of the answer.
#include <algorithm>
#include <cerrno>

#include "fs/handles/open_file.h"
#include "fs/lookup/resolver.h"
#include "fs/shared/object_facts.h"
#include "fs/tree/names.h"

namespace ossfs2 {
namespace {

constexpr uint32_t kFoldersLookedThroughMin = 2;
constexpr int kAsksMax = 5;  // a name that changes during every one of so many questions
// Those that come before "key/" in a list, as "key.tmp" and "key-1": seldom so many.
constexpr int kSimilarNamesMax = 16;

// A HEAD in this thread and a list of one key beside it; the list is not waited for when the HEAD answers.
class PairOfProbes {
 public:
  PairOfProbes(ObjectStore& store, std::string key) : store_(store), key_(std::move(key)) {}
  bool Claim() {
    MutexLock lock(mutex_);
    if (claimed_) return false;
    return claimed_ = true;
  }
  void RunList() {
    Result<ListPage> page = List();
    MutexLock lock(mutex_);
    page_ = std::move(page);
    done_.NotifyAll();
  }
  Result<ListPage> WaitForList() {
    if (Claim()) RunList();
    MutexLock lock(mutex_);
    while (!page_) done_.Wait(lock);
    return *page_;
  }
  ObjectStore& store() { return store_; }
  const std::string& key() const { return key_; }

 private:
  // Below the longest key nothing can be, and the service refuses a prefix that is longer than a key.
  Result<ListPage> List() {
    if (key_.size() >= kKeyBytesMax) return ListPage{};
    ListRequest request;
    request.prefix = key_ + "/";
    request.max_keys = 1;
    return store_.List(request);
  }

  ObjectStore& store_;
  const std::string key_;
  Mutex mutex_;
  CondVar done_;
  bool claimed_ GUARDED_BY(mutex_) = false;
  std::optional<Result<ListPage>> page_ GUARDED_BY(mutex_);
};

enum class Named : uint8_t { kNothing, kNoFile, kFile };

// By one list of the names that begin like the key's.
Result<Named> ListNamed(ObjectStore& store, const std::string& key) {
  ListRequest request;
  request.prefix = key;
  request.delimiter = "/";
  request.max_keys = kSimilarNamesMax;
  const Result<ListPage> page = store.List(request);
  if (!page) return page.error();
  if (page->entries.empty()) return Named::kNothing;
  if (page->entries.front().key == key) return Named::kFile;
  const std::string directory = key + "/";
  const bool is_passed = page->continuation.empty() || page->entries.back().key > directory;
  const bool is_there = std::any_of(page->entries.begin(), page->entries.end(),
                                    [&](const ListEntry& entry) { return entry.key == directory; });
  return is_passed && !is_there ? Named::kNothing : Named::kNoFile;
}

// Answers say nothing about what is being changed here, unless they know it as it is known here.
bool IsDoubtful(const Node* known, const std::optional<ObjectInfo>& file) {
  if (known == nullptr || known->is_directory() || (known->changing == 0 && known->leaving == 0)) return false;
  if (!known->published || (known->extra && known->extra->open && known->extra->open->ahead())) return false;
  return !file || file->size != known->size || !known->etag.Equals(file->etag);
}

}  // namespace

Result<Ino> Resolver::Ask(MutexLock& lock, Node* directory, const std::string& name, Trust trust, Told& told) {
  const auto flight = std::make_shared<Flight>();
  flight->trust = trust;
  flight->begun = context_.tree.NextStamp();
  flights_[Key{directory->ino, name}] = flight;
  Notices notices;
  std::optional<Result<Ino>> result;
  for (int asks = 0; !result && asks < kAsksMax; ++asks) {
    while (context_.tree.IsLeaving(directory) && context_.tree.Child(directory, name) == nullptr)
      context_.listed.Wait(lock);
    if (directory->unlinked) break;
    result = AskOnce(directory, name, *flight, asks + 1 == kAsksMax, notices);
  }
  if (!result) result = Result<Ino>(context_.Stale(directory->ino));
  if (Node* node = *result ? context_.tree.Find(**result) : nullptr) context_.tree.MarkUsed(node);
  // A listing answers for names that are there; one more file to make would only list its folder again.
  if (*result) NoteColdLookup(directory, name);
  flight->result = result;
  flight->done = true;
  told = flight->told;
  flights_.erase(Key{directory->ino, name});
  context_.listed.NotifyAll();
  context_.tree.mutex.Unlock();
  context_.Tell(notices);
  context_.Shrink();
  context_.tree.mutex.Lock();
  return *result;
}

std::optional<Result<Ino>> Resolver::AskOnce(Node* directory, const std::string& name, Flight& flight, bool is_last,
                                             Notices& notices) {
  const Node* node = context_.tree.Child(directory, name);
  if (node != nullptr && context_.tree.IsLeaving(directory)) return Result<Ino>(node->ino);
  const std::string key = context_.tree.Key(directory) + name;
  if (key.size() > kKeyBytesMax) return Result<Ino>(KeyTooLong(name));
  using Way = LookUpGuess::Way;
  LookUpGuess& guess = directory->directory->guess;
  const bool is_unknown = node == nullptr;
  const Way way = is_unknown ? guess.way() : node->is_directory() ? Way::kNothing : Way::kFile;
  const uint64_t stamp = context_.tree.NextStamp();
  context_.tree.BeginRequest(directory, stamp);
  context_.tree.mutex.Unlock();
  const Result<Answer> answer = AskStore(key, way);
  context_.tree.mutex.Lock();
  if (answer && answer->file && flight.told.etag.empty()) flight.told.etag = answer->file->etag;
  if (answer && is_unknown) guess.Note(answer->file.has_value(), answer->directory);
  std::optional<Result<Ino>> result;
  if (!answer) {
    result = Result<Ino>(answer.error());
  } else if (!context_.tree.HasMovedSince(directory, stamp)) {
    const Node* known = context_.tree.Child(directory, name);
    const bool overtaken = known != nullptr && known->local_stamp > stamp;
    if (!overtaken || flight.trust == Trust::kFresh || is_last) {
      flight.told.doubtful = IsDoubtful(known, answer->file);
      result = Take(directory, name, stamp, *answer, notices);
    }
  }
  context_.tree.EndRequest(directory, stamp);
  return result;
}

Result<Resolver::Answer> Resolver::AskStore(const std::string& key, LookUpGuess::Way way) {
  auto probes = std::make_shared<PairOfProbes>(context_.store, key);
  if (way == LookUpGuess::Way::kAbsent) {
    const Result<Named> named = ListNamed(context_.store, key);
    if (!named) return named.error();
    if (*named == Named::kNothing) return Answer{};
    if (*named == Named::kNoFile) return AnswerOfList(probes->WaitForList(), key);
  }
  if (way == LookUpGuess::Way::kNothing)
    context_.Spawn([probes] {
      if (probes->Claim()) probes->RunList();
    });
  Answer answer;
  Result<ObjectInfo> head = context_.store.Head(key);
  if (head) {
    probes->Claim();
    answer.file = std::move(*head);
    return answer;
  }
  if (head.error().oss_code == "SymlinkTargetNotExist") {
    answer.file.emplace();
    answer.file->key = key;
    answer.file->type = ObjectType::kSymlink;
    return answer;
  }
  if (!IsAbsent(head.error())) {
    probes->Claim();
    return head.error();
  }
  return AnswerOfList(probes->WaitForList(), key);
}

Result<Resolver::Answer> Resolver::AnswerOfList(Result<ListPage> below, const std::string& key) {
  if (!below) return below.error();
  Answer answer;
  if (below->entries.empty()) return answer;
  answer.directory = true;
  answer.marker = below->entries.front().key == key + "/";
  if (!answer.marker || !context_.options.keep_attributes) return answer;
  // Lists have no metadata: only the marker itself tells mode, owner and times of the directory.
  Result<ObjectInfo> marker = context_.store.Head(key + "/");
  if (marker)
    answer.marker_info = std::move(*marker);
  else if (!IsAbsent(marker.error()))
    return marker.error();
  return answer;
}

std::optional<Result<Ino>> Resolver::Take(Node* directory, const std::string& name, uint64_t stamp,
                                          const Answer& answer, Notices& notices) {
  if (context_.tree.IsLeaving(directory)) return std::nullopt;
  if (directory->unlinked)
    return Result<Ino>(context_.Stale(directory->ino));  // nothing may hang on it: it goes with its last user
  Node* node = context_.tree.Child(directory, name);
  if (node != nullptr && node->local_stamp > stamp) return Result<Ino>(node->ino);
  // A directory that is still one, as most are: what is below it is of no interest, and may be a million names.
  const bool stays_directory = node != nullptr && node->is_directory() && !answer.file && answer.directory;
  if (node != nullptr && !stays_directory && context_.tree.HasLocalState(node) &&
      (!answer.file || node->is_directory() || !node->published))
    return Result<Ino>(node->ino);
  const RemovedNames& removed = *directory->directory->removed;
  if (node == nullptr && !removed.IsComplete(stamp)) return std::nullopt;
  const bool removed_since = removed.Has(name, stamp);
  if (removed_since || (!answer.file && !answer.directory)) {
    if (node != nullptr && !removed_since) {
      notices.entries.emplace_back(directory->ino, name);
      context_.tree.Remove(node);
    }
    context_.tree.absent.Add(directory->ino, name, context_.clock.NowSteady());
    return Result<Ino>(NoEntry(name));
  }
  bool first = false;
  const NodeType type = answer.file ? TypeOfObject(answer.file->type) : NodeType::kDirectory;
  node = ChildOfType(context_, directory, name, type, first, notices);
  if (node == nullptr) return Result<Ino>(context_.tree.Child(directory, name)->ino);
  if (first) node->found = true;
  context_.tree.absent.Erase(directory->ino, name);
  if (answer.file) {
    TakeHead(context_, node, *answer.file, first, notices);
  } else {
    node->valid_until = context_.ValidUntil();
    node->local_stamp = context_.tree.NextStamp();
    node->directory->marker = answer.marker ? Known::kYes : Known::kNo;
    if (answer.marker_info) TakeMarker(context_, node, *answer.marker_info);
  }
  return Result<Ino>(node->ino);
}

// Whoever looks the files of one small folder up after the other (git status, rsync, make) goes on with the next one: a
// list of it is less than what the first look-up asks for, and than all the next ones.
bool Resolver::ListsFirst(const Node* directory) const {
  if (directory->parent == nullptr || context_.options.attr_timeout_s <= 0) return false;
  const DirectoryState& state = *directory->directory;
  return directory->parent->directory->folders_looked_through >= kFoldersLookedThroughMin && !state.run &&
         state.cold_lookups == 0 && !context_.IsListed(directory) && !context_.tree.IsLeaving(directory) &&
         context_.tree.Fits(state.names_listed);
}

void Resolver::NoteColdLookup(Node* directory, const std::string& name) {
  DirectoryState& state = *directory->directory;
  const bool is_next = std::exchange(state.last_cold_lookup, name) < name;
  const bool fits = context_.tree.Fits(state.names_listed);
  if (!fits && !is_next) state.cold_lookups = 0;
  if (++state.cold_lookups < kColdLookupsBeforeListing) return;
  state.cold_lookups = 0;
  if (context_.options.attr_timeout_s <= 0 || (!fits && state.run && state.IsRead())) return;
  lister_.SharesTree(context_.tree);
  const std::shared_ptr<ListingRun> run = fits ? lister_.Start(directory) : lister_.StartBehind(directory, name);
  run->for_look_ups = true;
  lister_.Want(directory, run, fits ? kColdListingPages : 1);
}

}  // namespace ossfs2
