// AttributeSaver: keeps changed attributes of what is published, in the metadata of objects and markers.
//
// Changes wait kAttributeDelay for more changes, then cost one metadata copy (the object onto itself), never the data;
// a dirty file's attributes go with its upload (publisher.h). Before the first chosen attribute of a directory's file
// is stored, the directory's marker gets the flag that tells other mounts to look for them. Data is stored without it,
// too. Readers do not notice the copy, also when it changes the ETag (objects sent in parts): see Replacement.
// A save holds the name (NameLocks), so it never runs beside a rename or unlink. Blocking, except Note.
// Of the delayed saves kSavesMax run at once, one of a file: one that takes long (a large object, a silent service)
// holds up others only when there are so many. Those of one file follow one another.
// Errors: of a delayed save they go to the log, and it is tried again after kRetryDelay when that may help. What the
// service refuses for good, to whoever saves, is given up: the log names the object, and the node shows what is stored.
#pragma once

#include <chrono>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>

#include "base/threads/timer.h"
#include "fs/shared/fs_part.h"
#include "fs/shared/name_locker.h"
#include "fs/shared/store_calls.h"

namespace ossfs2 {

class OpenFile;

class AttributeSaver : public FsPart {
 public:
  static constexpr auto kAttributeDelay = std::chrono::seconds(2);
  static constexpr auto kFlagRetryDelay = std::chrono::minutes(10);  // a right is given by hand; each try is a request
  static constexpr size_t kSavesMax = 16;  // each has a thread of the executor; `chmod -R` has one for each file
  AttributeSaver(FsContext& context, NameLocker& locker) : FsPart(context), locker_(locker) {}

  // The node has changed attributes: stores them after a while. The caller has set `pending`.
  void Note(Node* node) REQUIRES(context_.tree.mutex);
  // From now on changes do not wait, since nobody stores them later: who makes one calls SaveAtEnd.
  void BeginEnd() REQUIRES(context_.tree.mutex) { ending_ = true; }
  bool is_ending() const REQUIRES(context_.tree.mutex) { return ending_; }
  // Nothing before BeginEnd; then Save.
  Status SaveAtEnd(Ino ino) EXCLUDES(context_.tree.mutex);
  // Stores them now, if there are any.
  Status Save(Ino ino) EXCLUDES(context_.tree.mutex);
  // Marks the directory as one that has kept attributes; no request when it is marked.
  Status EnsureFlag(Ino directory) EXCLUDES(context_.tree.mutex);
  // The same for who stores a file's data, which the attributes of a directory may not prevent: a marker that is
  // refused for good is logged and counted, and the directory stays unmarked. It is not asked for again for
  // kFlagRetryDelay.
  Status TryFlag(Ino directory) EXCLUDES(context_.tree.mutex);
  // Writes the directory's marker with its attributes.
  Status PutMarker(Ino directory) EXCLUDES(context_.tree.mutex);
  // HEADs what the node's object or marker keeps, unless it is known: for xattrs, and before all is written
  // anew. `stored`, when given: what it keeps, if that was asked.
  Status FetchForeign(Ino ino, std::optional<Metadata>* stored = nullptr) EXCLUDES(context_.tree.mutex);
  // No more delayed saves are started, nor tasks that look for them.
  void Stop() EXCLUDES(context_.tree.mutex);

 private:
  // By a caller that holds the name.
  Status SaveLocked(Ino ino) EXCLUDES(context_.tree.mutex);
  void GiveUp(Ino ino, const Error& why) EXCLUDES(context_.tree.mutex);
  // The node has no change any more; `stored` is what its object or marker keeps.
  void TakeStored(Node* node, const Result<ObjectInfo>& stored) REQUIRES(context_.tree.mutex);
  Status StoreFile(Ino ino) EXCLUDES(context_.tree.mutex);
  // Unset: the file has become dirty, and its upload takes the attributes along.
  std::optional<Result<WriteResult>> CopyOntoItself(const CopyJob& job, OpenFile* file, Replacement* readers);
  Status StoreLink(Ino ino) EXCLUDES(context_.tree.mutex);
  // Another try would end in the same way.
  static bool IsFinal(const Error& error);

  // --- attribute_saver_delayed.cc ---
  void Schedule() REQUIRES(context_.tree.mutex);
  void StartDue() EXCLUDES(context_.tree.mutex);
  // Saves until nothing is due.
  void SaveDue() EXCLUDES(context_.tree.mutex);

  NameLocker& locker_;
  std::map<Ino, SteadyTime> waiting_ GUARDED_BY(context_.tree.mutex);  // when to store
  std::deque<Ino> due_ GUARDED_BY(context_.tree.mutex);
  std::set<Ino> saving_ GUARDED_BY(context_.tree.mutex);  // those of due_, and whose save runs
  size_t savers_ GUARDED_BY(context_.tree.mutex) = 0;     // threads in SaveDue, or about to be
  bool ticking_ GUARDED_BY(context_.tree.mutex) = false;
  bool ending_ GUARDED_BY(context_.tree.mutex) = false;
  bool stopped_ GUARDED_BY(context_.tree.mutex) = false;
  std::unique_ptr<Timer> timer_ = std::make_unique<Timer>();
};

}  // namespace ossfs2
