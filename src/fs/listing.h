// Lister: listings of directories, page by page into the tree.
//
// A run belongs to one directory; all readers share it. Whoever needs the next page fetches it in its own
// thread; a background task fetches up to kLookAheadPages further pages. Pages are merged under the mutex:
// entries become nodes, names that the listing passed without mentioning are gone. Local changes made while a
// page was under way win over it. A run stops when nobody wants more pages; only a run that reached
// the end makes the listing complete.
// A failed page is the run's error, for every reader: never a short directory.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "fs/fs_context.h"

namespace ossfs2 {

// One listing in progress. Guarded by Tree::mutex.
struct ListingRun {
  Ino directory = 0;
  uint32_t generation = 0;
  uint64_t start_stamp = 0;
  SteadyTime fresh_until{};
  std::string prefix;         // the directory's key when the run began
  std::string continuation;   // of the next page
  std::string last_key;       // the listing has passed it; relative to the prefix
  uint64_t pages = 0;         // merged
  uint64_t pages_wanted = 0;  // look-ahead goes so far
  uint64_t hidden_keys = 0;
  bool fetching = false;
  bool ended = false;     // complete, failed or canceled
  bool canceled = false;  // the directory moved
  std::optional<Error> error;

  // Still going, and what its first pages said is not too old.
  bool Believed(SteadyTime now) const { return !ended && (fetching || now < fresh_until); }
};

class Lister {
 public:
  static constexpr uint64_t kLookAheadPages = 4;
  explicit Lister(FsContext& context) : context_(context) {}

  // The run in progress, or a new one.
  std::shared_ptr<ListingRun> Start(Node* directory) REQUIRES(context_.tree.mutex);
  // Fetches the next page, or waits until another thread has. The directory is pinned by the caller.
  // Blocking; the lock is open meanwhile.
  void Step(MutexLock& lock, Node* directory, const std::shared_ptr<ListingRun>& run)
      REQUIRES(context_.tree.mutex);
  // Asks for pages ahead of need.
  void Want(Node* directory, const std::shared_ptr<ListingRun>& run, uint64_t pages_wanted)
      REQUIRES(context_.tree.mutex);
  // Whether the run may show the child: confirmed by a page, or changed here since it began. Nullopt: not
  // known before more pages came.
  static std::optional<bool> Shows(const ListingRun& run, const Node* child);

 private:
  void Merge(Node* directory, ListingRun& run, const ListPage& page, uint64_t stamp, Notices& notices)
      REQUIRES(context_.tree.mutex);
  void MergeEntry(Node* directory, ListingRun& run, const ListEntry& entry, uint64_t stamp, Notices& notices)
      REQUIRES(context_.tree.mutex);
  void Finish(Node* directory, ListingRun& run, Notices& notices) REQUIRES(context_.tree.mutex);
  void LookAhead(Ino directory, const std::shared_ptr<ListingRun>& run);
  std::optional<ObjectInfo> AskMarker(const ListingRun& run, const ListPage& page, const std::string& known);

  FsContext& context_;
};

}  // namespace ossfs2
