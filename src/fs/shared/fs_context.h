// FsContext: what the parts of the file system share: the tree, its neighbours below, options and clock.
//
// Threads: any. Made and owned by CoreFileSystem; the parts hold references. The destructor of
// CoreFileSystem calls WaitForTasks first, so background work never outlives the context.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/threads/executor.h"
#include "base/threads/recent_ids.h"
#include "base/time/clock.h"
#include "data/read/read_engine.h"
#include "data/write/write_engine.h"
#include "fs/shared/fs_options.h"
#include "fs/shared/name_locks.h"
#include "fs/shared/written_pages.h"
#include "fs/tree/mark_guess.h"
#include "fs/tree/tree.h"
#include "ossfs2/file_system.h"
#include "ossfs2/object_store.h"

namespace ossfs2 {

// What the kernel should drop; collected under the mutex, told after it.
struct Notices {
  std::vector<Ino> inodes;
  std::vector<std::pair<Ino, std::string>> entries;
};

class OpenFile;

// There is no such object; a bucket that is gone says nothing of its objects.
bool IsAbsent(const Error& error);
Error NoEntry(std::string_view name);
Error NameExists(std::string_view name);
Error NotADirectory(std::string_view path);
Error ReadOnlyMount(std::string_view name);
// ESTALE: what was found by that path is not there any more.
Error StaleInode(std::string_view path);

struct FsContext {
  FsContext(ObjectStore& store_arg, ReadEngine& reads_arg, WriteEngine& writes_arg, Executor& executor_arg,
            const FsOptions& options_arg, Clock& clock_arg);

  ObjectStore& store;
  ReadEngine& reads;
  WriteEngine& writes;
  Executor& executor;
  const FsOptions options;
  Clock& clock;
  const std::string prefix;  // empty, or ends in '/'
  Tree tree;
  CondVar listed;  // with tree.mutex: a list page or a lookup came in
  MarkGuess mark_guess GUARDED_BY(tree.mutex);
  NameLocks locks;
  WrittenPages written_pages;
  RecentIds mapped_folders;  // with a file that was mapped lately; on direct_io mounts (Opener::PassesPageCache)
  std::atomic<KernelNotifier*> notifier{nullptr};

  // EROFS when nothing may be changed; the name is for the message.
  Status CheckWritable(std::string_view name) const { return options.read_only ? ReadOnlyMount(name) : Status(); }
  Status CheckWritable(Ino ino) EXCLUDES(tree.mutex);
  SteadyTime ValidUntil() const;
  bool IsFresh(const Node* node) const REQUIRES(tree.mutex);
  // A fresh listing says all there is.
  bool IsListed(const Node* directory) const REQUIRES(tree.mutex);
  // The same for a name that it does not have, if the listing is younger than that: other hosts make new
  // files more often than they change old ones, so a "no" is believed for much less than attr_timeout.
  bool SaysAbsent(const Node* directory, double believed_s) const REQUIRES(tree.mutex);
  // The node's attributes are kept in metadata that was not read yet; so is the text of every symlink, and its size.
  bool NeedsMetadata(const Node* node) const REQUIRES(tree.mutex);
  Entry MakeEntry(const Node* node) const REQUIRES(tree.mutex);
  // Another host has replaced the object: the node knows its new version. To be told to the kernel.
  void NoteReplaced(Node* node, uint64_t size_before) REQUIRES(tree.mutex);
  // Shows the sizes of new versions (OpenFile::shown_size) as soon as the kernel has dropped the pages of those before,
  // after a moment in any case.
  void ShowSizes(const std::vector<Ino>& inodes) EXCLUDES(tree.mutex);
  double AttrValidS(const Node* node) const REQUIRES(tree.mutex);
  ObjectVersion VersionOf(const Node* node) const REQUIRES(tree.mutex);
  // For messages: the path of the file, or what is left of it.
  std::string PathOf(Ino ino) REQUIRES(tree.mutex);
  Error Stale(Ino ino) REQUIRES(tree.mutex) { return StaleInode(PathOf(ino)); }
  // The same where the mutex is not held.
  Error MakeStale(Ino ino) EXCLUDES(tree.mutex);
  // A change of the directory's names made here.
  void TouchDirectory(Node* directory) REQUIRES(tree.mutex);

  // Before the file's object is replaced by one with the same bytes. To be kept until the node has the new version:
  // what is read or opened meanwhile by the old one waits or goes on. Null: an empty file, of which nothing is read.
  std::unique_ptr<Replacement> BeginReplacement(Ino ino, const ObjectVersion& before);
  // The new object is there: readers, the writer (null: none) and kept pages go there.
  void Rebind(Replacement* readers, const OpenFile* file, const ObjectVersion& before, const ObjectVersion& after);
  void Tell(const Notices& notices) EXCLUDES(tree.mutex);
  // Keeps the metadata budget; after operations that add nodes.
  void Shrink() EXCLUDES(tree.mutex);

  // Runs a task on the executor that WaitForTasks waits for. In the caller when there is no thread for it: never with a
  // lock that it takes.
  void Spawn(std::function<void()> task) EXCLUDES(tree.mutex);
  // The same, but false when there is no thread for it.
  bool TrySpawn(std::function<void()> task);
  void WaitForTasks();

 private:
  OpenFile* WithOldSize(Ino ino) REQUIRES(tree.mutex);  // null: its size is shown
  std::function<void()> Counted(std::function<void()> task);
  void EndTask();

  Mutex tasks_mutex_;
  CondVar tasks_done_;
  size_t tasks_ GUARDED_BY(tasks_mutex_) = 0;
};

}  // namespace ossfs2
