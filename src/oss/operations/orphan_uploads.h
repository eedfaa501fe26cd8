// OrphanUploads: ends the multipart uploads that the service opened although its answer was lost.
//
// An Initiate whose answer never came is sent again, and the upload of the first one, whose id nobody knows, would
// stay for ever. So when an Initiate succeeded after such attempts, the uploads of exactly this key are listed a
// moment later, and those are aborted that can only be ours. To be ours an upload must
//   - not be one that was given to this process: all ids that came are remembered (the last 4096);
//   - have been begun, by the service's clock, between our first attempt and the answer that came;
//   - have no part after orphan_age: ours never gets one, and who really uses an upload sends parts;
//   - be one of at most as many such uploads as answers were lost: more, and one of them is somebody else's.
// While another Initiate of the key is under way here nothing is decided; searches of one key are made one. What
// cannot be told is left to `ossfs2 gc`.
// Cost: nothing without a lost answer; else a list, and for each candidate (a few) a list of its parts and an abort.
// Threads: thread-safe; the requests run one after another on the context's executor.
// Errors: only logged. Bounds: 64 keys wait, 3 looks each.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "base/threads/mutex.h"
#include "base/time/clock.h"
#include "ossfs2/object_store.h"

namespace ossfs2::oss {

class OssContext;

class OrphanUploads {
 public:
  explicit OrphanUploads(OssContext& context) : context_(context) {}

  // Around each Initiate; `upload_id` is empty when it failed.
  void Begin(const std::string& key) EXCLUDES(mutex_);
  void End(const std::string& key, const std::string& upload_id) EXCLUDES(mutex_);

  struct Search {
    std::string key;
    int answers_lost = 0;
    int64_t from_s = 0;  // service's clock, both inclusive
    int64_t to_s = 0;
  };
  // Soon, in the background.
  void LookFor(Search search) EXCLUDES(mutex_);
  // Waits for what is still to be looked for, at most ten seconds or until GiveUp. Before the context stops.
  void Finish() EXCLUDES(mutex_);
  void GiveUp() EXCLUDES(mutex_);

 private:
  struct Job {
    Search search;
    SteadyTime due;
    int looks = 0;
  };
  enum class Verdict : uint8_t { kDone, kLater };

  void RunAfter(std::chrono::nanoseconds delay);
  void RunDue() EXCLUDES(mutex_);
  Verdict Look(const Search& search) EXCLUDES(mutex_);
  // Those of the list that may be ours; nothing while another Initiate is under way.
  Verdict Choose(const Search& search, std::vector<UploadInfo>& uploads) EXCLUDES(mutex_);

  OssContext& context_;
  Mutex mutex_;
  CondVar idle_;
  std::map<std::string, int> opening_ GUARDED_BY(mutex_);  // Initiates under way, by key
  std::deque<std::string> known_order_ GUARDED_BY(mutex_);
  std::set<std::string> known_ GUARDED_BY(mutex_);  // ids
  std::deque<Job> jobs_ GUARDED_BY(mutex_);         // the next one first
  bool running_ GUARDED_BY(mutex_) = false;         // a timer or a task takes the next job
  bool given_up_ GUARDED_BY(mutex_) = false;
};

}  // namespace ossfs2::oss
