// Tails: the last, partly filled page of files that were written here.
//
// Why: the kernel keeps the pages that a program writes, but not the last one of a file when it was not filled to its
// end; whoever reads the file next (the hash after a download) would cost one small GET for it. The bytes could be put
// into the page cache instead, but a write that comes meanwhile has that page locked until it is answered, and holding
// writers out while such a store waits could stop both.
// A tail belongs to one version (key, ETag, size) and is given to readers of exactly that version.
// Bounds: kFilesMax files, the oldest go first; so 2 MiB, and the keys. Thread-safe.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <string>

#include "base/mutex.h"
#include "data/read_engine.h"

namespace ossfs2 {

class Tails {
 public:
  static constexpr size_t kFilesMax = 512;

  // The last bytes of that version; none: it has no tail that is known.
  void Put(const ObjectVersion& version, std::string bytes) EXCLUDES(mutex_);
  // The object was renamed or made anew, with the same bytes.
  void Rebind(const ObjectVersion& before, const ObjectVersion& after) EXCLUDES(mutex_);
  // Whether the range begins in the tail of that version; then `reply` is the answer.
  bool Answer(const ObjectVersion& version, uint64_t offset, size_t size, ReadReply& reply) const EXCLUDES(mutex_);

 private:
  struct Tail {
    std::string etag;
    uint64_t size = 0;  // of the file
    std::shared_ptr<std::string> bytes;
  };

  mutable Mutex mutex_;
  std::map<std::string, Tail> tails_ GUARDED_BY(mutex_);  // by key
  std::deque<std::string> order_ GUARDED_BY(mutex_);
};

}  // namespace ossfs2
