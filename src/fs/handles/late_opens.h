// LateOpens: names whose opens came too late for the file that they had found.
//
// The kernel finds a file by its name and opens it by its number. When a rename here gives the name to another file in
// between, the open finds a file without a name (ESTALE). The kernel then tries once more, but programs that replace a
// name again and again may be there first again: what they replace next is kept for a while (replaced_files.h).
// Only the last part of a path is noted: a file that lost its name no longer knows its directory.
// Threads: guarded by Tree::mutex. Limit: kNamesMax names, of the last kExpectFor.
#pragma once

#include <chrono>
#include <map>
#include <string>
#include <string_view>

#include "base/clock.h"

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

 private:
  std::map<std::string, SteadyTime, std::less<>> until_;
};

}  // namespace ossfs2
