// Leftovers: objects that only a run of ours needs, and that no run cleans up any more (its journal was lost).
//
// Two kinds: backups of old versions (backup_name.h) and copies of unlinked files (kParkedNameStart). A copy is
// deleted. A backup is put back under its file's key when that is missing or still holds the unfinished version that
// the backup's name describes, and deleted when the file is whole: the same as the backup, or another version.
// A backup whose file is not known, or that cannot be compared, is kept. Younger ones than the bound are left
// alone: the mount may still be at work. So are those that the caller knows to be in use, however old: a file may be
// open for days. Blocking, from one thread; one list of all keys below the prefix.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>

#include "ossfs2/object_store.h"

namespace ossfs2 {

enum class LeftoverAction : uint8_t {
  kDelete,   // nobody needs it
  kRestore,  // its content goes back under the file's key
  kKeep,     // a person must look
};

struct Leftover {
  std::string key;
  std::string target;  // the file's key; empty: none, or not known
  LeftoverAction action = LeftoverAction::kKeep;
  bool target_missing = false;  // kRestore: there is nothing under the file's key, so nothing may be replaced
  std::string reason;
  Status result;       // of the action
};

struct LeftoverCount {
  size_t deleted = 0;
  size_t restored = 0;
  size_t kept = 0;
  size_t younger = 0;
  size_t in_use = 0;
  size_t failed = 0;
};

// `in_use`: whether a run that lives needs the object. Calls `tell` after each one that is old enough; with `dry_run`
// nothing is changed. The list's error.
Result<LeftoverCount> CleanLeftovers(ObjectStore& store, const std::string& prefix, int64_t before_s, bool dry_run,
                                     const std::function<bool(const std::string& key)>& in_use,
                                     const std::function<void(const Leftover&)>& tell);

}  // namespace ossfs2
