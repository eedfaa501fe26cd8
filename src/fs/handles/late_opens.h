// LateOpens: names whose opens came too late for the file that they had found.
//
// The kernel finds a file by its name and opens it by its number. When a rename here gives the name to another file in
// between, the open finds a file without a name (ESTALE). The kernel then tries once more, but programs that replace a
// name again and again may be there first again: what they replace next is kept for a while (replaced_files.h).
// Only the last part of a path is noted: a file that lost its name no longer knows its directory.
// With close_to_open a file that is kept, or open, may be too old: the rename may have taken away a version of another
// client that was stored before the open began, and nobody knows. Such opens are refused, but none twice: what the
// second try finds got its name after the open began. Who tries again is not known, so each refusal lets one open of
// that file pass.
// Threads: guarded by Tree::mutex. Limit: kNamesMax names, of the last kExpectFor.
#pragma once

#include <chrono>
#include <map>
#include <string>
#include <string_view>

#include "base/time/clock.h"
#include "ossfs2/file_system.h"

namespace ossfs2 {

class LateOpens {
 public:
  static constexpr auto kExpectFor = std::chrono::seconds(1);
  static constexpr size_t kNamesMax = 64;

  void Note(const std::string& name, SteadyTime now) {
    if (until_.size() >= kNamesMax) std::erase_if(until_, [now](const auto& entry) { return entry.second <= now; });
    if (until_.size() < kNamesMax || until_.contains(name)) until_[name] = now + kExpectFor;
  }
  // Whether more of them are to be expected.
  bool Expects(std::string_view name, SteadyTime now) const {
    const auto found = until_.find(name);
    return found != until_.end() && now < found->second;
  }
  // An open was refused, and finds this file when it tries again.
  void NoteRefused(Ino successor, SteadyTime now) {
    if (tries_.size() >= kNamesMax)
      std::erase_if(tries_, [now](const auto& entry) { return entry.second.until <= now; });
    if (tries_.size() >= kNamesMax && !tries_.contains(successor)) return;
    Tries& tries = tries_[successor];
    ++tries.expected;
    tries.until = now + kExpectFor;
  }
  // For each open of the file: whether it is taken for one that tries again.
  bool TakeSecondTry(Ino ino, SteadyTime now) {
    const auto found = tries_.find(ino);
    if (found == tries_.end()) return false;
    const bool expected = now < found->second.until;
    if (!expected || --found->second.expected == 0) tries_.erase(found);
    return expected;
  }

 private:
  struct Tries {
    int expected = 0;
    SteadyTime until;
  };

  std::map<std::string, SteadyTime, std::less<>> until_;
  std::map<Ino, Tries> tries_;
};

}  // namespace ossfs2
