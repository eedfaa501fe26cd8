// ReplacedFiles: keeps files openable for a moment after a rename here has replaced them, where opens came late before
// (late_opens.h).
//
// Each is held open by a handle of ours, so the Detacher keeps its bytes as it does for any open file, and an open that
// comes late gets the file that it had found. That costs the rename one GET; names for which no open came late cost
// nothing.
// Threads: any; released on the executor. Limits: kKeptMax files of kBytesMax each, for kKeepFor.
#pragma once

#include <chrono>
#include <deque>
#include <functional>
#include <memory>
#include <utility>

#include "base/threads/timer.h"
#include "fs/files/opener.h"
#include "fs/shared/fs_part.h"

namespace ossfs2 {

class ReplacedFiles : public FsPart {
 public:
  static constexpr auto kKeepFor = std::chrono::seconds(1);  // a program waits so long for a processor on a busy host
  static constexpr size_t kKeptMax = 64;
  static constexpr uint64_t kBytesMax = 1ull << 20;  // what the Detacher fetches: more it copies, with two requests

  ReplacedFiles(FsContext& context, Opener& opener, std::function<void(HandleId)> release)
      : FsPart(context), opener_(opener), release_(std::move(release)) {}
  // Whether a rename that replaces the file should keep it.
  bool IsWanted(const Node* node) const REQUIRES(context_.tree.mutex);
  // Before the name is taken; the caller holds it. Returns whether the file is kept.
  bool Keep(Ino ino) EXCLUDES(context_.tree.mutex);
  // Releases all, and keeps none from now on.
  void Stop() EXCLUDES(context_.tree.mutex);

 private:
  void Schedule() REQUIRES(context_.tree.mutex);
  void ReleaseDue() EXCLUDES(context_.tree.mutex);

  Opener& opener_;
  const std::function<void(HandleId)> release_;
  std::deque<std::pair<HandleId, SteadyTime>> kept_ GUARDED_BY(context_.tree.mutex);  // until when, oldest first
  bool ticking_ GUARDED_BY(context_.tree.mutex) = false;
  bool stopped_ GUARDED_BY(context_.tree.mutex) = false;
  std::unique_ptr<Timer> timer_;  // from the first file on; gone with Stop, so that no tick comes after it
};

}  // namespace ossfs2
