// MarkGuess: whether files of a directory that is being made will have chosen attributes, from the directories made
// before it.
//
// `tar x` and `cp -a` make a directory and put such files in it: its marker would be written by mkdir, and
// with the mark once more before the first of them is stored. While that goes on, directories are made with the mark. A
// wrong guess makes other mounts HEAD the files whose attributes they want, and has no other effect; no more than
// kStepsMax directories follow the last right one, and none after kBelieved. Guarded by Tree::mutex.
#pragma once

#include <algorithm>
#include <chrono>

#include "base/time/clock.h"

namespace ossfs2 {

class MarkGuess {
 public:
  static constexpr int kStepsMax = 4;
  static constexpr std::chrono::seconds kBelieved{10};  // after the last file with chosen attributes

  // A directory is made: whether it is to have the mark.
  bool Expects(SteadyTime now) {
    if (now - needed_ > kBelieved) steps_ = 0;
    return steps_ > 0 && steps_-- > 0;
  }
  // A file with chosen attributes is stored; `first`: of a directory that had no mark, or one by a guess.
  void NoteNeeded(SteadyTime now, bool first) {
    needed_ = now;
    if (first) steps_ = std::min(steps_ + 2, kStepsMax);
  }

 private:
  int steps_ = 0;
  SteadyTime needed_{};
};

}  // namespace ossfs2
