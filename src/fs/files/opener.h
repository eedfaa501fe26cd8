// Opener: opens files: brings what is known of them up to date, makes the handle, and the writer of whoever may write.
//
// An open for writing holds the file's name while its writer is made; any open waits for whoever takes the name away,
// unless the file is open already. With close_to_open every open asks the bucket. Creating names, and what is done with
// a handle, are CoreFileSystem's.
// Threads: any; Open may block, TryOpen does not. Ownership: handles are the table's until they are released.
// Errors: EISDIR, ELOOP, EROFS; ESTALE when the file is gone; EACCES for an archived object; those of the store.
#pragma once

#include <atomic>
#include <chrono>
#include <memory>
#include <optional>

#include "fs/files/publisher.h"
#include "fs/handles/file_handle.h"
#include "fs/handles/handle_table.h"
#include "fs/handles/late_opens.h"
#include "fs/lookup/resolver.h"
#include "fs/shared/fs_part.h"
#include "fs/shared/name_locker.h"

namespace ossfs2 {

class Opener : public FsPart {
 public:
  Opener(FsContext& context, NameLocker& locker, Resolver& resolver, Publisher& publisher,
         HandleTable<FileHandle>& files)
      : FsPart(context), locker_(locker), resolver_(resolver), publisher_(publisher), files_(files) {}

  struct Made {
    std::shared_ptr<FileHandle> handle;
    Opened opened;
    Status writer;  // an error: there is none, and the handle is to be released
  };
  // Unset: it may block.
  std::optional<Result<Opened>> TryOpen(Ino ino, int flags) EXCLUDES(context_.tree.mutex);
  // O_TRUNC is the caller's to do.
  Result<Made> Open(Ino ino, int flags) EXCLUDES(context_.tree.mutex);

  HandleId NextId() { return next_id_.fetch_add(1); }
  std::shared_ptr<FileHandle> MakeHandle(Node* node, int flags) REQUIRES(context_.tree.mutex);
  // The caller holds the file's name.
  Status PrepareWriter(const std::shared_ptr<OpenFile>& file, bool exclusive) EXCLUDES(context_.tree.mutex);
  // The kernel reads, writes or flushes by the handle, so it has taken the answer to its open. A release says less: it
  // also comes for a program that was killed before the answer.
  void NoteAnswered(FileHandle& handle) EXCLUDES(context_.tree.mutex);
  // The kernel reads by the handle for the page cache.
  void NoteMapped(FileHandle& handle) EXCLUDES(context_.tree.mutex);
  static bool IsUnavailableArchive(const Node* node);
  // Opens have come too late for files of that name lately.
  bool ExpectsLateOpens(const Node* node) const REQUIRES(context_.tree.mutex) {
    return late_.Expects(node->name, context_.clock.NowSteady());
  }

 private:
  static constexpr std::chrono::seconds kMappedTime{60};  // after a file was mapped, those beside it are expected to be
  static constexpr std::chrono::seconds kNoteMapTime{10};

  static bool Changes(int flags);
  Status Check(const Node* node, int flags) const REQUIRES(context_.tree.mutex);
  // --- the kernel's pages (opener_pages.cc) ---
  bool PassesPageCache(const Node* node, int flags) const REQUIRES(context_.tree.mutex);
  // Whether the kernel may keep its pages at the open that made the handle.
  static bool KeepsCache(const Node* node, FileHandle& handle);
  // --- before a handle is made ---
  // Asks for all that has to be known, and tells the kernel of a new version, before a handle is made.
  Result<bool> AskBeforeOpen(Ino ino, int flags) EXCLUDES(context_.tree.mutex);
  // EACCES of an archived object; logged.
  Error NotRestored(const Node* node) const REQUIRES(context_.tree.mutex);
  // Brings the file up to date. With close_to_open it is then what the bucket had after the call.
  Status AskForOpen(Ino ino) EXCLUDES(context_.tree.mutex);
  Status Ask(Ino ino) EXCLUDES(context_.tree.mutex);
  // `told`: the ETag that the bucket answered; empty: it was not asked, or had no file.
  Status CheckReplaced(Ino ino, const std::string& told) EXCLUDES(context_.tree.mutex);
  // Whether an archived file can be read by now; the node is told.
  Status AskArchive(Ino ino) EXCLUDES(context_.tree.mutex);
  // HEADs a file that is about to be written, of which only the listing is known.
  Status AskMetadata(Ino ino) EXCLUDES(context_.tree.mutex);
  Status AskTags(OpenFile& file) EXCLUDES(context_.tree.mutex);
  // What was written and can never be stored, if nobody waits to be told. The caller holds the file's name.
  static void DropFailed(OpenFile& file);
  static bool LosesItsName(const Node* node);
  // Notes an open of a file whose name is being taken or is gone.
  void NoteLate(const Node* node) REQUIRES(context_.tree.mutex);

  NameLocker& locker_;
  Resolver& resolver_;
  Publisher& publisher_;
  HandleTable<FileHandle>& files_;
  LateOpens late_ GUARDED_BY(context_.tree.mutex);
  std::atomic<HandleId> next_id_{1};  // of files and directories
};

}  // namespace ossfs2
