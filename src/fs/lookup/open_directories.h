// OpenDirectories: directory handles, and the entries that are read through them.
//
// A cookie is a place: 1 after ".", 2 after "..", slot + 3 after a child. Slots never move while a handle is
// open that was read; new names come behind, so a seek lands where it did and no entry is skipped or repeated.
// A handle follows one listing (ListingRun). It takes a new one when it reads from the start, goes back to names that
// are out of memory, or when the run was canceled. What is there is handed out before a page is waited for.
//
// Threads: any. Read blocks on the network, without the tree's mutex; Open and Release do not.
// Ownership: the directory's node is pinned while its handle is open. Each entry with attributes (`plus`) that was
// taken counts as a lookup of its node.
// Errors: EBADF for an unknown handle, ENOTDIR, ESTALE for a node that is gone; a listing that failed is an error after
// the entries before it were handed out, never a short directory.
#pragma once

#include <functional>
#include <memory>

#include "fs/handles/handle_table.h"
#include "fs/lookup/lister.h"
#include "fs/lookup/resolver.h"
#include "fs/shared/fs_context.h"

namespace ossfs2 {

class OpenDirectories {
 public:
  OpenDirectories(FsContext& context, Lister& lister, Resolver& resolver)
      : context_(context), lister_(lister), resolver_(resolver) {}

  // `id`: of the handle; the caller never gives one twice.
  Result<HandleId> Open(Ino ino, HandleId id) EXCLUDES(context_.tree.mutex);
  // Gives the entries after the cookie to `add` until it refuses one or there are no more.
  Status Read(HandleId id, uint64_t cookie, bool plus, const std::function<bool(const DirEntry&)>& add)
      EXCLUDES(context_.tree.mutex);
  void Release(HandleId id) EXCLUDES(context_.tree.mutex);

 private:
  struct Handle {
    HandleId id = 0;
    Ino ino = 0;
    std::shared_ptr<ListingRun> run;  // the listing that this handle follows; guarded by Tree::mutex
    size_t known_end = 0;             // all names were known, and lie before it: 0: not so; guarded by Tree::mutex
    uint64_t handed_out = 0;          // entries since the run was taken; guarded by Tree::mutex
    bool begun = false;               // read from the start at least once; guarded by Tree::mutex
    DirectoryReader reader;           // guarded by Tree::mutex
    bool names_only = false;          // GivesNamesOnly; guarded by Tree::mutex
    uint32_t look_ups = 0;            // DirectoryState::look_ups at the last read; guarded by Tree::mutex
  };
  struct Batch;

  // Fills the batch with what comes after the cookie; waits for pages only while it is empty. `is_first` in a read.
  Status Collect(Handle& handle, uint64_t cookie, bool plus, bool is_first, Batch& batch)
      EXCLUDES(context_.tree.mutex);
  void BeginListing(Handle& handle, Node* directory, size_t slot) REQUIRES(context_.tree.mutex);
  // The directory is read from its start: begins listings of folders beside it, which a walk comes to next.
  void ListAhead(Node* directory) REQUIRES(context_.tree.mutex);
  // The lock is open while it waits.
  void BeginAfterCancel(MutexLock& lock, Handle& handle, Node* directory) REQUIRES(context_.tree.mutex);
  // With a full tree entries come without attributes, so that the kernel holds no nodes of theirs: whoever wants names
  // only has all he wants, and a look-up is answered by what the listing has brought. From then on so until the reader
  // looks names up and the tree has room.
  bool GivesNamesOnly(Handle& handle, const DirectoryState& state) REQUIRES(context_.tree.mutex);
  // Whether a name that the listing has not come to may make way for those that it has brought, though it was there
  // before them: nobody else has a cookie for its place.
  static bool MakesWay(const Handle& handle, const DirectoryState& state, const Batch& batch);
  void AddDots(Node* directory, uint64_t cookie, Batch& batch) REQUIRES(context_.tree.mutex);
  void AddChild(Node* child, uint64_t cookie, bool plus, bool names_only, Batch& batch) REQUIRES(context_.tree.mutex);
  // Asks for the attributes of entries that are not known yet.
  void FillUnknown(Batch& batch) EXCLUDES(context_.tree.mutex);

  FsContext& context_;
  Lister& lister_;
  Resolver& resolver_;
  HandleTable<Handle> handles_;
};

}  // namespace ossfs2
