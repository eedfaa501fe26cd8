// Lister: listings of directories, page by page into the tree.
//
// A run belongs to one directory; all readers share it. Whoever needs the next page fetches it in its own
// thread; background tasks fetch up to kLookAheadPages beyond what the reader has had, each asked for before
// the page in front of it is merged. Pages are merged in order under the mutex: entries become nodes, names that the
// listing passed without mentioning are gone. Local changes made while a page was under way win over it. A run stops
// when nobody wants more pages; only a run that reached the end makes the listing complete.
// A failed page is the run's error, for every reader: never a short directory.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "fs/shared/fs_part.h"
#include "fs/tree/listing_run.h"

namespace ossfs2 {

class Lister : public FsPart {
 public:
  static constexpr uint64_t kLookAheadPages = 4;  // fewer with a small budget (Tree::NamesAheadMax)
  explicit Lister(FsContext& context) : FsPart(context) {}

  // The run in progress, or a new one.
  std::shared_ptr<ListingRun> Start(Node* directory) REQUIRES(context_.tree.mutex);
  // The names behind that one, page by page, for whoever looks names up in their order where a whole listing does not
  // fit into memory. It never makes the listing complete, and readers do not follow it.
  std::shared_ptr<ListingRun> StartBehind(Node* directory, const std::string& name) REQUIRES(context_.tree.mutex);
  // Fetches the next page, or waits until another thread has. The directory is pinned by the caller.
  // Blocking; the lock is open meanwhile.
  void Step(MutexLock& lock, Node* directory, const std::shared_ptr<ListingRun>& run)
      REQUIRES(context_.tree.mutex);
  // How many pages a reader that has handed out so many entries may have: a slow one does not draw all into memory.
  uint64_t PagesAhead(const ListingRun& run, uint64_t handed_out) const REQUIRES(context_.tree.mutex);
  // Asks for pages ahead of need. Where there is no thread for it, whoever needs a page fetches it (Step).
  void Want(Node* directory, const std::shared_ptr<ListingRun>& run, uint64_t pages_wanted)
      REQUIRES(context_.tree.mutex);
  // Whether the run may show the child: confirmed by a page, or made or changed here since it began. Nullopt: not
  // known before more pages came.
  static std::optional<bool> Shows(const ListingRun& run, const Node* child);

 private:
  // Makes the question for the next page; the directory stays pinned until it is answered.
  void Prepare(Node* directory, const std::shared_ptr<ListingRun>& run) REQUIRES(context_.tree.mutex);
  // Takes the question back that nobody was told of.
  void Withdraw(Node* directory, ListingRun& run) REQUIRES(context_.tree.mutex);
  // Asks and merges; the caller has taken the question.
  void Answer(const std::shared_ptr<ListingRun>& run, const std::shared_ptr<PageQuestion>& question)
      EXCLUDES(context_.tree.mutex);
  void Merge(Node* directory, const std::shared_ptr<ListingRun>& run, const ListPage& page, uint64_t stamp,
             Notices& notices) REQUIRES(context_.tree.mutex);
  // `stamp`: when the page was asked for; `merged`: now.
  void MergeEntry(Node* directory, ListingRun& run, const ListEntry& entry, uint64_t stamp, uint64_t merged,
                  Notices& notices) REQUIRES(context_.tree.mutex);
  void Finish(Node* directory, ListingRun& run, Notices& notices) REQUIRES(context_.tree.mutex);
  std::optional<ObjectInfo> AskMarker(const PageQuestion& question, const ListPage& page);
};

}  // namespace ossfs2
