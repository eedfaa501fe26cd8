// Publisher: makes written files objects, and keeps changed attributes.
//
// A publish holds the file's name (NameLocks), so it never runs beside a rename or unlink of it. Attributes
// changed on a published file wait kAttributeDelay for more changes, then cost one metadata copy (the object
// onto itself), never the data; a dirty file's attributes go with its upload. Before the first chosen
// attribute of a directory is stored, the directory's marker gets the flag that tells other mounts to look
// for them. A file unlinked meanwhile is not published. Blocking, except Note.
#pragma once

#include <chrono>
#include <map>
#include <string>
#include <vector>

#include "base/timer.h"
#include "fs/fs_context.h"
#include "fs/name_locker.h"

namespace ossfs2 {

class Publisher {
 public:
  static constexpr auto kAttributeDelay = std::chrono::seconds(2);
  Publisher(FsContext& context, NameLocker& locker) : context_(context), locker_(locker) {}

  // For Clang's analysis: the caller's tree is this one, so its mutex is the one that the methods need.
  void SharesTree(const Tree& tree) const REQUIRES(tree.mutex) OSSFS2_TSA(assert_capability(context_.tree.mutex)) {
    (void)tree;
  }

  // Makes what was written so far the object. `sync`: space only allocated may be left out (fsync).
  Status Publish(Ino ino, bool sync) EXCLUDES(context_.tree.mutex);
  // The same by a caller that holds the file's name.
  Status PublishLocked(Ino ino, bool sync) EXCLUDES(context_.tree.mutex);
  // What the writer should open an upload with.
  WriteOptions UploadOptionsOf(const Node* node) const REQUIRES(context_.tree.mutex);

  // The node has changed attributes: stores them after a while. The caller has set `pending`.
  void Note(Node* node) REQUIRES(context_.tree.mutex);
  Status SaveAttributes(Ino ino) EXCLUDES(context_.tree.mutex);
  Status SaveAttributesLocked(Ino ino) EXCLUDES(context_.tree.mutex);
  // Marks the directory as one that has kept attributes; no request when it is marked.
  Status EnsureFlag(Ino directory) EXCLUDES(context_.tree.mutex);
  // Writes the directory's marker with its attributes.
  Status PutMarker(Ino directory) EXCLUDES(context_.tree.mutex);
  // HEADs what the node's object or marker keeps, unless it is known: for xattrs, and before all is written
  // anew.
  Status FetchForeign(Ino ino) EXCLUDES(context_.tree.mutex);
  // No more delayed saves are started.
  void Stop();

 private:
  Status StoreFile(Ino ino) EXCLUDES(context_.tree.mutex);
  Status StoreLink(Ino ino) EXCLUDES(context_.tree.mutex);
  void Schedule() REQUIRES(context_.tree.mutex);
  void SaveDue();

  FsContext& context_;
  NameLocker& locker_;
  std::map<Ino, SteadyTime> waiting_ GUARDED_BY(context_.tree.mutex);  // when to store
  bool ticking_ GUARDED_BY(context_.tree.mutex) = false;
  bool stopped_ GUARDED_BY(context_.tree.mutex) = false;
  Timer timer_;
};

}  // namespace ossfs2
