// FinalFlush: at the end of a mount, stores every dirty file and every attribute that waits, until a deadline.
//
// Threads: one call, which blocks until all is stored or the deadline is there; the files are stored on the executor,
// and those that are late go on there (FsContext::WaitForTasks waits for them).
// Errors: a line for each file that is not stored, with its path and why.
#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "fs/attributes/attribute_saver.h"
#include "fs/files/publisher.h"
#include "fs/shared/fs_context.h"

namespace ossfs2 {

class FinalFlush {
 public:
  FinalFlush(FsContext& context, Publisher& publisher, AttributeSaver& saver)
      : context_(context), publisher_(publisher), saver_(saver) {}

  // What could not be stored, a line each. What a call under way changes later it stores itself: its attributes by
  // AttributeSaver::SaveAtEnd, its content by StoreLate.
  std::vector<std::string> Run(std::chrono::milliseconds deadline) EXCLUDES(context_.tree.mutex);
  // For who has changed a file in a call that may outlast Run's look. Nothing before that.
  Status StoreLate(Ino ino) EXCLUDES(context_.tree.mutex);

 private:
  struct Report;
  struct Unsaved {
    std::string path;
    std::shared_ptr<OpenFile> file;  // null: it has attributes that wait, and no content
  };
  std::map<Ino, Unsaved> FindUnsaved() EXCLUDES(context_.tree.mutex);
  Status Save(Ino ino, const Unsaved& unsaved) EXCLUDES(context_.tree.mutex);

  FsContext& context_;
  Publisher& publisher_;
  AttributeSaver& saver_;
};

}  // namespace ossfs2
