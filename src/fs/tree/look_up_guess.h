// LookUpGuess: what a directory's next unknown name will most likely be, from the answers before it.
//
// It chooses the question only, never the answer: a wrong guess costs one more wait. Guarded by Tree::mutex.
#pragma once

#include <algorithm>
#include <cstdint>

namespace ossfs2 {

class LookUpGuess {
 public:
  // A file: a HEAD, and a list only where there is none. Absent: one list of the names that begin like it, which says
  // no for files and directories. Nothing: a HEAD and a list of what is below the name, at once.
  enum class Way : int8_t { kFile = -1, kNothing = 0, kAbsent = 1 };
  Way way() const { return static_cast<Way>(steps_); }
  // What the answer was for an unknown name.
  void Note(bool file, bool directory) {
    if (file) {
      steps_ = std::max<int8_t>(static_cast<int8_t>(steps_ - 1), -1);
    } else if (directory) {
      steps_ = 0;
    } else {
      steps_ = std::min<int8_t>(static_cast<int8_t>(steps_ + 1), 1);
    }
  }
  // All names are known: others are new, most times.
  void NoteComplete() { steps_ = 1; }

 private:
  int8_t steps_ = 0;
};

}  // namespace ossfs2
