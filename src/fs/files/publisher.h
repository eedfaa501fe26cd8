// Publisher: makes written files objects.
//
// A publish holds the file's name (NameLocks), so it never runs beside a rename or unlink of it. A file unlinked
// meanwhile is not published; one whose name went away in the bucket gives ESTALE. What waits to be kept of its
// attributes goes with the upload; attributes that change later are AttributeSaver's. Blocking. Errors: those of the
// writer and of the directory's marker.
#pragma once

#include <memory>
#include <string>

#include "fs/attributes/attribute_saver.h"
#include "fs/shared/fs_part.h"
#include "fs/shared/name_locker.h"

namespace ossfs2 {

// What a publication is for: a close stores the file as it is, an fsync may leave out space that was only allocated.
enum class PublishFor : uint8_t { kClose, kFsync };

class Publisher : public FsPart {
 public:
  Publisher(FsContext& context, NameLocker& locker, AttributeSaver& saver)
      : FsPart(context), locker_(locker), saver_(saver) {}

  // Makes what was written so far the object.
  Status Publish(Ino ino, PublishFor purpose) EXCLUDES(context_.tree.mutex);
  // The same by a caller that holds the file's name.
  Status PublishLocked(Ino ino, PublishFor purpose) EXCLUDES(context_.tree.mutex);
  // What the writer should open an upload with.
  WriteOptions UploadOptionsOf(const Node* node) const REQUIRES(context_.tree.mutex);

 private:
  struct Job {
    std::shared_ptr<OpenFile> file;
    std::shared_ptr<WriteFile> writer;  // null: there is nothing to publish
    WriteOptions options;
    std::string key;
    Ino parent = 0;
    bool needs_flag = false;
    int64_t written_ns = 0;
    uint64_t stamp = 0;  // of the node, when the options were taken
  };
  Status Store(Ino ino, PublishFor purpose) EXCLUDES(context_.tree.mutex);
  Result<Job> Prepare(Ino ino) EXCLUDES(context_.tree.mutex);
  void NoteOptions(Node* node, bool stored) REQUIRES(context_.tree.mutex);

  NameLocker& locker_;
  AttributeSaver& saver_;
};

}  // namespace ossfs2
