// Detacher: takes the name of a file that may be open, so that its handles go on as POSIX wants it.
//
// Handles of an unlinked or replaced file keep reading and writing: its WriteFile is detached (write_file.h), and
// what is only in the bucket is copied to a parked object below the mount's prefix, which ends with the last
// close. A file that nobody has open costs nothing. Since the kernel reports a close a moment late, handles that have
// flushed are waited for, kCloseWait at most, before they count as open.
// Threads: any that may block. The caller holds the file's name (NameLocks).
#pragma once

#include <chrono>
#include <functional>
#include <memory>

#include "fs/handles/open_file.h"
#include "fs/shared/fs_context.h"

namespace ossfs2 {

class Detacher {
 public:
  static constexpr auto kCloseWait = std::chrono::milliseconds(20);
  // Deletes or replaces the object under the name. `stored`: there is one, maybe only since now.
  using Take = std::function<Status(bool stored)>;

  explicit Detacher(FsContext& context) : context_(context) {}

  // Calls `take` once. After an error of its own the file still has its name. `kept`: one of its handles is there to
  // keep it (replaced_files.h), so no close is waited for.
  Status Detach(Ino ino, const Take& take, bool kept = false) EXCLUDES(context_.tree.mutex);

 private:
  std::shared_ptr<OpenFile> StillOpen(Ino ino, bool kept) EXCLUDES(context_.tree.mutex);
  Result<ObjectVersion> Park(const ObjectVersion& from, const std::string& to);
  // Readers (null: an empty file) go on with that version.
  void Redirect(OpenFile& file, Replacement* readers, const ObjectVersion& to);

  FsContext& context_;
};

}  // namespace ossfs2
