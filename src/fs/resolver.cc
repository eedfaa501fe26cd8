#include "fs/resolver.h"

#include <cerrno>

#include "base/str.h"
#include "base/text.h"
#include "fs/names.h"
#include "fs/object_facts.h"

namespace ossfs2 {
namespace {

constexpr double kAbsentForCreateS = 2;
constexpr auto kAbsentForCreate = std::chrono::seconds(2);
constexpr int kWaitPages = 2;  // of a listing under way that may soon name what is asked for
constexpr int kAsksMax = 5;    // a name that changes during every one of so many questions

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

}  // namespace

std::optional<Result<Node*>> Resolver::Known(Node* directory, std::string_view name) {
  if (!directory->directory || directory->unlinked) return Result<Node*>(StaleInode());
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

Result<Ino> Resolver::Resolve(Ino parent, const std::string& name, Trust trust) {
  OSSFS2_RETURN_IF_ERROR(CheckName(name));
  MutexLock lock(context_.tree.mutex);
  Node* directory = context_.tree.Find(parent);
  if (directory == nullptr) return StaleInode();
  if (!directory->is_directory())
    return MakeError(ENOTDIR, ErrorKind::kInvalid,
                     StrCat(context_.tree.Path(directory), " is not a directory."));
  context_.tree.Pin(directory);
  const bool only_new = trust == Trust::kOnlyNew;
  const uint64_t called = only_new ? context_.tree.NextStamp() : 0;
  int waited_pages = 0;
  bool asked_metadata = false;
  Result<Ino> result = StaleInode();
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
      result = Ask(lock, directory, name, trust);
      break;
    }
    const std::shared_ptr<Flight> joined = flight->second;
    while (!joined->done) context_.listed.Wait(lock);
    // Its answer may be from before this call, and then from before a change that the caller was told of.
    if (joined->begun < called || (only_new && joined->trust != trust) || !joined->result) continue;
    result = *joined->result;
    break;
  }
  context_.tree.Unpin(directory);
  if (Node* node = result ? context_.tree.Find(*result) : nullptr) context_.tree.MarkUsed(node);
  return result;
}

Result<Ino> Resolver::Ask(MutexLock& lock, Node* directory, const std::string& name, Trust trust) {
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
    const Node* node = context_.tree.Child(directory, name);
    if (node != nullptr && context_.tree.IsLeaving(directory)) {
      result = Result<Ino>(node->ino);
      break;
    }
    const bool file_first = node != nullptr && !node->is_directory();
    const std::string key = context_.tree.Key(directory) + name;
    if (key.size() > kKeyBytesMax) {
      result = Result<Ino>(
          MakeError(ENAMETOOLONG, ErrorKind::kInvalid, "The object key has more than 1023 bytes."));
      break;
    }
    const uint64_t stamp = context_.tree.NextStamp();
    context_.tree.BeginRequest(directory, stamp);
    context_.tree.mutex.Unlock();
    Result<Answer> answer = AskStore(key, file_first);
    context_.tree.mutex.Lock();
    if (!answer) {
      result = Result<Ino>(answer.error());
    } else if (!context_.tree.HasMovedSince(directory, stamp)) {
      const Node* known = context_.tree.Child(directory, name);
      const bool overtaken = known != nullptr && known->local_stamp > stamp;
      if (!overtaken || trust == Trust::kFresh || asks + 1 == kAsksMax)
        result = Take(directory, name, stamp, *answer, notices);
    }
    context_.tree.EndRequest(directory, stamp);
  }
  if (!result) result = Result<Ino>(StaleInode());
  if (Node* node = *result ? context_.tree.Find(**result) : nullptr) context_.tree.MarkUsed(node);
  // A listing answers for names that are there; one more file to make would only list its folder again.
  if (*result) NoteColdLookup(directory);
  flight->result = result;
  flight->done = true;
  flights_.erase(Key{directory->ino, name});
  context_.listed.NotifyAll();
  context_.tree.mutex.Unlock();
  context_.Tell(notices);
  context_.Shrink();
  context_.tree.mutex.Lock();
  return *result;
}

Result<Resolver::Answer> Resolver::AskStore(const std::string& key, bool file_first) {
  auto probes = std::make_shared<PairOfProbes>(context_.store, key);
  if (!file_first)
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
  Result<ListPage> page = probes->WaitForList();
  if (!page) return page.error();
  if (page->entries.empty()) return answer;
  answer.directory = true;
  answer.marker = page->entries.front().key == key + "/";
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
  if (directory->unlinked) return Result<Ino>(StaleInode());  // nothing may hang on it: it goes with its last user
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

void Resolver::NoteColdLookup(Node* directory) {
  if (++directory->directory->cold_lookups < kColdLookupsBeforeListing) return;
  directory->directory->cold_lookups = 0;
  if (context_.options.attr_timeout_s <= 0) return;
  lister_.SharesTree(context_.tree);
  lister_.Want(directory, lister_.Start(directory), kColdListingPages);
}

}  // namespace ossfs2
