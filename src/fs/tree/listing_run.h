// ListingRun: one listing of a directory in progress, and the request that it waits for.
//
// Guarded by Tree::mutex, but for PageQuestion, which only `taken` changes after it was made. Shared by the
// directory, its readers and the task that fetches. Lister (lister.h) is who changes it.
#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <string>

#include "fs/tree/node.h"
#include "ossfs2/object_store.h"

namespace ossfs2 {

// A request for the next page of a run. Whoever takes it first sends it: the task that was started for it, or
// a reader that needs the page and finds the executor busy.
struct PageQuestion {
  ListRequest request;
  uint64_t stamp = 0;        // of the moment when it was made: later local changes win
  std::string known_marker;  // DirectoryState::marker_version then
  bool first = false;
  std::atomic<bool> taken{false};
};

// One listing in progress. Guarded by Tree::mutex.
struct ListingRun {
  Ino directory = 0;
  uint32_t generation = 0;    // of the whole listings of the directory; 0: of a part
  uint64_t start_stamp = 0;
  SteadyTime fresh_until{};
  std::string prefix;         // the directory's key when the run began
  std::string start_after;    // it has the names behind this one only (Lister::StartBehind); empty: all
  std::string continuation;   // of the next page
  std::string last_key;       // the listing has passed it; relative to the prefix
  uint64_t pages = 0;         // merged
  uint64_t entries = 0;       // of those
  uint64_t confirmed = 0;     // and of them, those that are children now
  uint64_t pages_wanted = 0;  // look-ahead goes so far
  uint64_t hidden_keys = 0;
  size_t newest_slot = 0;     // where the names of the newest page begin
  std::shared_ptr<PageQuestion> question;  // the page that is under way
  bool ended = false;                      // complete, failed or canceled
  bool canceled = false;                   // the directory moved, or is just moving
  bool for_look_ups = false;               // begun because many came
  bool dropped = false;  // names it found are already out of memory: not for new readers
  std::optional<Error> error;

  bool IsPart() const { return !start_after.empty(); }
  // Still going, and what its first pages said is not too old.
  bool Believed(SteadyTime now) const { return !ended && (question || now < fresh_until); }
};

}  // namespace ossfs2
