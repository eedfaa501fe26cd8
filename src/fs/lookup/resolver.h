// Resolver: from (directory, name) to a node, asking the bucket only when what is known is too old.
//
// In this order: the known node while fresh; the directory's fresh listing (also for "no"); the own cache of
// absent names; the listing that is under way; then a HEAD of the key and, in parallel, a list of one key
// below "key/" (a name known as a file is only HEADed first, and so is one that follows files; where all names are
// known, or the last one was absent, one list of "key" comes first: LookUpGuess). One question per name at a time;
// others wait for its answer. While a rename deletes the keys below a directory nothing is asked there: what is known
// stays, and other names wait for its end. After kColdLookupsBeforeListing names found so in one directory its listing
// begins in the background; in one that does not fit into memory only if they came in order, and then from there.
// Errors: ENOENT; ESTALE for a number whose file is gone; what the store answered otherwise.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "fs/lookup/lister.h"
#include "fs/shared/fs_part.h"

namespace ossfs2 {

class Resolver : public FsPart {
 public:
  // What may answer a look-up: all that is fresh, or only the answer to a question that is asked from now on.
  enum class Trust : uint8_t { kFresh, kOnlyNew };
  static constexpr uint32_t kColdLookupsBeforeListing = 4;
  static constexpr uint64_t kColdListingPages = 32;  // fewer when they do not fit into memory
  Resolver(FsContext& context, Lister& lister) : FsPart(context), lister_(lister) {}

  // Without the network: the node, ENOENT, or nullopt when the bucket must be asked.
  std::optional<Result<Node*>> Known(Node* directory, std::string_view name) REQUIRES(context_.tree.mutex);
  // What the bucket answered to a question with kOnlyNew.
  struct Told {
    std::string etag;  // by the first answer that knew a file, whatever has overtaken it here; empty: none did
    // The answer came in the middle of a change made here, and tells another version than the one that is known: that
    // one stays, and may be older than the question.
    bool doubtful = false;
  };
  Result<Ino> Resolve(Ino parent, const std::string& name, Trust trust = Trust::kFresh, Told* told = nullptr)
      EXCLUDES(context_.tree.mutex);
  // The name was absent in a listing or an answer of the last moments: enough to create it.
  // ENOENT when the directory itself is gone.
  Result<bool> KnownAbsentForCreate(Ino parent, const std::string& name) EXCLUDES(context_.tree.mutex);
  // Brings a node up to date by its name; ESTALE when it is no longer there. An open file that was unlinked or replaced
  // here needs no name (resolver_refresh.cc).
  Status Refresh(Ino ino, Trust trust = Trust::kFresh, Told* told = nullptr) EXCLUDES(context_.tree.mutex);
  // HEADs nodes whose attributes are kept in metadata, in parallel. Errors are returned of the first.
  Status FetchMetadata(const std::vector<Ino>& nodes) EXCLUDES(context_.tree.mutex);

 private:
  struct Flight {
    uint64_t begun = 0;  // Tree::NextStamp
    Trust trust = Trust::kFresh;
    bool done = false;
    Told told;
    std::optional<Result<Ino>> result;  // unset: look again
  };
  struct Answer {
    std::optional<ObjectInfo> file;
    bool directory = false;
    bool marker = false;
    std::optional<ObjectInfo> marker_info;  // its HEAD, when attributes are kept
  };
  using Key = std::pair<Ino, std::string>;

  // One call of Resolve, and what it remembers from round to round.
  struct LookUp {
    Node* directory;  // pinned
    const std::string& name;
    Trust trust;
    uint64_t called = 0;  // with kOnlyNew: answers to questions from before do not count
    int waited_pages = 0;
    bool listed = false;          // it was looked whether to list first
    bool asked_metadata = false;
    Told told;
  };

  // --- one round (resolver.cc); the lock may be open meanwhile. Unset: something has changed, look again ---
  std::optional<Result<Ino>> ResolveOnce(MutexLock& lock, LookUp& look_up) REQUIRES(context_.tree.mutex);
  // True after another page of a listing under way, which will soon know better than a question of its own, most times.
  bool AwaitListing(MutexLock& lock, LookUp& look_up) REQUIRES(context_.tree.mutex);
  // The answer to the same question of another look-up. A copy of the pointer: the other one lets go of the flight.
  std::optional<Result<Ino>> Join(MutexLock& lock, std::shared_ptr<Flight> flight, LookUp& look_up)
      REQUIRES(context_.tree.mutex);
  // --- asking the bucket (resolver_ask.cc) ---
  // The lock is open while it asks or waits. With kOnlyNew an answer that another one has overtaken, maybe one to an
  // older question, is asked for again.
  Result<Ino> Ask(MutexLock& lock, Node* directory, const std::string& name, Trust trust, Told& told)
      REQUIRES(context_.tree.mutex);
  // One question of it; the lock is open meanwhile. Unset: the answer says nothing; ask again, unless it `is_last`.
  std::optional<Result<Ino>> AskOnce(Node* directory, const std::string& name, Flight& flight, bool is_last,
                                     Notices& notices) REQUIRES(context_.tree.mutex);
  // Unset: the answer is older than a local change, or from the middle of one; ask again.
  std::optional<Result<Ino>> Take(Node* directory, const std::string& name, uint64_t stamp,
                                  const Answer& answer, Notices& notices) REQUIRES(context_.tree.mutex);
  Result<Answer> AskStore(const std::string& key, LookUpGuess::Way way) EXCLUDES(context_.tree.mutex);
  Result<Answer> AnswerOfList(Result<ListPage> below, const std::string& key) EXCLUDES(context_.tree.mutex);
  void NoteColdLookup(Node* directory, const std::string& name) REQUIRES(context_.tree.mutex);
  // Whether to list the directory before one of its names is asked for.
  bool ListsFirst(const Node* directory) const REQUIRES(context_.tree.mutex);
  // --- kept attributes of listed files and folders (resolver_metadata.cc) ---
  // Listed, but its kept attributes are not known.
  bool IsBare(const Node* node) const REQUIRES(context_.tree.mutex);
  // HEADs such a child, and beside it more and more of those that come next when somebody goes through the directory.
  // The lock is open meanwhile. Error: that of the child's own HEAD.
  Status AskMetadata(Node* directory, const Node* child) REQUIRES(context_.tree.mutex);
  void AskAhead(Node* directory, std::vector<Ino> files) REQUIRES(context_.tree.mutex);
  // No request when another look-up of the name is under way.
  Status AskOne(Ino ino) EXCLUDES(context_.tree.mutex);

  Lister& lister_;
  std::map<Key, std::shared_ptr<Flight>> flights_ GUARDED_BY(context_.tree.mutex);
};

}  // namespace ossfs2
