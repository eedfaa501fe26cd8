// Renamer: renames of files and directories in a store that has only copy and delete.
//
// File: an unpublished or dirty source is published, the object is copied (attributes that wait to be stored ride
// along), the copy is proven, then the source is deleted. Open handles, the inode number and cached bytes stay; handles
// of a file that it replaces go on without a name (detacher.h), and where opens came late before, later ones have it
// too (replaced_files.h). A copy that is not proven, or whose source may not be deleted, is taken back; a file that it
// has replaced is gone. Directory: all keys below are copied, each copy proven; only when all are there, the old keys
// are deleted (directory_copier.h). A failed rename of a directory removes the copies it made; if even that fails, the
// same rename may be repeated and goes on. While old keys are deleted nothing below is taken for gone: listings and
// look-ups of unknown names wait (Tree::IsLeaving). Other operations on the names (and on all below a directory) wait;
// nothing is locked over the network that a lookup, read or TryWrite needs. Threads: any that may block. Errors: EMFILE
// more than rename_dir_limit keys; ENOTSUP renames of directories are off; EIO a copy that could not be proven (the
// source is kept).
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "fs/files/publisher.h"
#include "fs/lookup/resolver.h"
#include "fs/names/detacher.h"
#include "fs/names/directory_copier.h"
#include "fs/shared/store_calls.h"

namespace ossfs2 {

class Parents;
class ReplacedFiles;

class Renamer {
 public:
  Renamer(FsContext& context, NameLocker& locker, Resolver& resolver, Publisher& publisher, AttributeSaver& saver,
          Parents& parents, Detacher& detacher, ReplacedFiles& replaced)
      : context_(context),
        locker_(locker),
        resolver_(resolver),
        publisher_(publisher),
        saver_(saver),
        parents_(parents),
        detacher_(detacher),
        replaced_(replaced),
        copier_(context) {}

  struct Names {
    Ino parent = 0;
    std::string name;
    Ino new_parent = 0;
    std::string new_name;
    bool no_replace = false;
  };
  Status Rename(const Names& names) EXCLUDES(context_.tree.mutex);

 private:
  // What a rename works on, found once and checked again under the name locks.
  struct Pair {
    Ino source = 0;
    bool is_directory = false;
    Ino target = 0;  // 0: the new name is free
    bool target_is_directory = false;
  };
  Result<Pair> Find(const Names& names, Resolver::Trust trust_target = Resolver::Trust::kFresh)
      EXCLUDES(context_.tree.mutex);
  // With close_to_open, who opens the target from now on may get it as it is then (Opener::AskForOpen): so it is asked
  // for.
  Resolver::Trust TrustOfTarget(Ino target) EXCLUDES(context_.tree.mutex);
  Status CheckTypes(const Pair& pair, const Names& names);
  // The node takes its new name; the old target's node loses it.
  void Reattach(const Names& names, const Pair& pair) REQUIRES(context_.tree.mutex);

  // --- one file (renamer_file.cc) ---
  struct FileMove {
    CopyJob job;
    std::shared_ptr<OpenFile> file;
    bool takes_attributes = false;  // those that wait to be stored ride along
    uint64_t stamp = 0;             // of the node, when the job was made
    std::optional<ObjectInfo> newer{};       // what moves is this version, which another host has stored since
    std::unique_ptr<RenameRecord> record{};  // from before the copy on
    std::optional<std::string> unproven{};   // the ETag of a copy that was made although copying failed
  };
  struct MadeCopy {
    std::string from;
    std::string from_etag;  // empty: any version
    std::string to;
    std::string to_etag;
  };
  Status RenameFile(const Names& names, const Pair& pair);
  // `copied`: the target has been replaced, whatever comes after.
  Status RenameLink(const Names& names, const Pair& pair, const std::string& from, const std::string& to,
                    bool& copied);
  Status CopyAndDelete(const Names& names, const Pair& pair, const std::string& from, const std::string& to,
                       bool& copied);
  Result<FileMove> PrepareMove(const Names& names, const Pair& pair, const std::string& from, const std::string& to)
      EXCLUDES(context_.tree.mutex);
  Result<WriteResult> CopySource(FileMove& move);
  bool IsReplaced(Ino target) EXCLUDES(context_.tree.mutex);
  // The end of a move. If it fails, the copy is taken back, unless a file was replaced or the delete may yet be done.
  Status DeleteSource(const Names& names, const Pair& pair, const MadeCopy& copy);
  // Deletes the copy if it is still there; otherwise says so.
  void TakeBackCopy(const Names& names, const MadeCopy& copy, const Error& why);
  void TellCopyStays(const Names& names, const MadeCopy& copy, const Error& why) EXCLUDES(context_.tree.mutex);
  void TakeMoved(const Names& names, const Pair& pair, const FileMove& move, const ObjectVersion& after)
      EXCLUDES(context_.tree.mutex);
  Status ReplaceTarget(Ino target, const std::function<Status(bool& copied)>& move);

  // --- a directory (renamer_directory.cc) ---
  // One file of a directory that moves, as the tree knows it.
  struct FileBelow {
    Ino ino = 0;
    ObjectVersion before;
    ObjectVersion after;
    std::shared_ptr<OpenFile> file;  // null: it is not open
    std::unique_ptr<Replacement> readers;
  };
  // What lasts until the directory has its new name.
  struct DirectoryMove {
    std::vector<FileBelow> below;
    std::optional<NodeMark> leaving;  // from the first delete on
  };
  Status RenameDirectory(const Names& names, const Pair& pair);
  Status MoveKeys(const Pair& pair, const std::string& from, const std::string& to, DirectoryMove& move);
  // What is known below is not what is there: forgets it, but for open files.
  void DoubtBelow(Ino directory) EXCLUDES(context_.tree.mutex);
  // Of files that were stored or asked for here no HEAD need tell what a copy would lose.
  void TakeKnown(Ino directory, const std::string& from, std::vector<DirectoryCopier::File>& files)
      EXCLUDES(context_.tree.mutex);
  Node* FindWay(Node* directory, std::string_view way) REQUIRES(context_.tree.mutex);
  // The files that are copied as the tree knows them; others were replaced by another host meanwhile.
  std::vector<FileBelow> FindBelow(Node* directory, const std::string& to,
                                   const std::vector<DirectoryCopier::File>& files) REQUIRES(context_.tree.mutex);
  void TakeMovedBelow(const std::vector<FileBelow>& below) EXCLUDES(context_.tree.mutex);
  std::vector<Ino> OpenBelow(Ino directory) EXCLUDES(context_.tree.mutex);

  FsContext& context_;
  NameLocker& locker_;
  Resolver& resolver_;
  Publisher& publisher_;
  AttributeSaver& saver_;
  Parents& parents_;
  Detacher& detacher_;
  ReplacedFiles& replaced_;
  DirectoryCopier copier_;
};

}  // namespace ossfs2
