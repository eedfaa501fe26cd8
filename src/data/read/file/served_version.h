// ServedVersion: which version of its object a file serves, and what the bucket has said against it.
//
// A file serves the same bytes for its whole life. Their key and ETag may change (a rename, a copy onto itself): each
// change is a generation, and a GET that was asked by an earlier one says nothing of the present one.
// It ends in one of two ways:
//   stale    another host replaced the object. Nothing is served any more (ESTALE), for good
//   deleted  a GET found no object. What is in memory is served, and nothing more is asked for (ESTALE), until it is
//            opened by somebody who has seen the object
// While this mount replaces the object by one with the same bytes (ReplacementWait), a refusal may be its own doing and
// is neither.
//
// Threads: a value without a lock: the file's. References to versions are good for the file's life; so the list of them
// grows with each rename.
#pragma once

#include <cstdint>
#include <list>
#include <optional>

#include "data/object_version.h"
#include "ossfs2/status.h"

namespace ossfs2 {

class ServedVersion {
 public:
  explicit ServedVersion(const ObjectVersion& version) : versions_{version} {}

  const ObjectVersion& current() const { return versions_.back(); }
  uint64_t generation() const { return generation_; }
  const std::optional<Error>& stale() const { return stale_; }
  const std::optional<Error>& deleted() const { return deleted_; }

  // Whether the file serves that version too: the same bytes, maybe under another key, which it then takes; or the one
  // that was replaced here by the present one. `replacing`: a replacement runs, and whoever runs it knows the version
  // best.
  bool Adopt(const ObjectVersion& version, bool replacing, int64_t now_ns);
  // The same bytes have this key and ETag now. False: they had them before.
  bool Rebind(const ObjectVersion& version, int64_t now_ns);
  // Another host replaced the object by that version: stale. False: it is that version, or was stale before.
  bool Retire(const ObjectVersion& version);
  void BecomeStale(const Error& error);

  // What it means for the file that a GET failed.
  enum class Verdict {
    kNothing,    // an error of the request
    kReplacing,  // refused while the object is being replaced here: the new version will tell
    kOutdated,   // refused, but asked by a version that was replaced here since
    kDeleted,    // as deleted() says now
    kReplaced,   // by another host: the caller ends the file (BecomeStale)
  };
  Verdict OnFailedGet(uint64_t generation, const Error& error, bool replacing);

 private:
  void Add(const ObjectVersion& version);

  std::list<ObjectVersion> versions_;  // the last counts
  uint64_t generation_ = 1;
  std::optional<ObjectVersion> replaced_;  // by the last one, here
  int64_t replaced_ns_ = 0;
  std::optional<Error> stale_;
  std::optional<Error> deleted_;
};

}  // namespace ossfs2
