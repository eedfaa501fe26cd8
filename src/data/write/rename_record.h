// A rename in the journal: a run that ends between the copy and the delete leaves both names, and the next start makes
// it one.
//
// The record is written before the copy, which has the ETag of its source then (objects sent in parts: it is updated).
// It is not synced: after a power cut both names may stay. Threads: one at a time. FinishRename blocks.
#pragma once

#include <memory>
#include <string>

#include "data/journal/journal.h"
#include "data/write/write_engine.h"
#include "ossfs2/object_store.h"

namespace ossfs2 {

// A record that could not be written (a full disk) is logged; the rename goes on without it.
std::unique_ptr<RenameRecord> BeginRenameRecord(Journal& journal, const std::string& from, const std::string& from_etag,
                                                const std::string& to);

// Deletes the old object if it and its copy are still the versions of the entry, the copy was made when the entry says and
// the old object is not newer. Otherwise nothing is to be done. After success the record is done with.
Status FinishRename(ObjectStore& store, const JournalEntry& entry);

}  // namespace ossfs2
