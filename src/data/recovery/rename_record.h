// RenameRecord: a rename that is under way, in the journal. A run that ends between the copy and the delete leaves both
// names, and the next start makes it one.
//
// The record is written before the copy, which has the ETag of its source then (objects sent in parts: it is updated).
// It is not synced: after a power cut both names may stay. One that could not be written (a full disk) is logged; the
// rename goes on without it. Threads: one at a time. FinishRename blocks.
#pragma once

#include <string>

#include "data/journal/journal.h"
#include "ossfs2/object_store.h"

namespace ossfs2 {

class RenameRecord {
 public:
  // Before `from` is copied to `to`, to be deleted then. The journal must outlive it.
  RenameRecord(Journal& journal, const std::string& from, const std::string& from_etag, const std::string& to);
  // The rename is done with, well or not.
  ~RenameRecord();
  RenameRecord(const RenameRecord&) = delete;
  RenameRecord& operator=(const RenameRecord&) = delete;

  // The source was replaced, or the copy has an ETag of its own.
  void Update(const std::string& from_etag, const std::string& to_etag);
  // This run ends in the middle of it: the record is for the next one.
  void Leave() { left_ = true; }

 private:
  Journal& journal_;
  JournalEntry entry_;
  Journal::Id record_ = 0;
  bool left_ = false;
};

// Deletes the old object if it and its copy are still the versions of the entry, the copy was made when the entry says
// and the old object is not newer. Otherwise nothing is to be done. After success the record is done with.
Status FinishRename(ObjectStore& store, const JournalEntry& entry);

}  // namespace ossfs2
