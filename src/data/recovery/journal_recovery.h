// RecoverJournal: makes the bucket as if runs that ended in the middle had ended properly.
//
// Unfinished files under real keys are replaced by the old version or deleted (provisional.h), open uploads are
// aborted, and the old object of a file that was copied by a rename is deleted (rename_record.h). Whole files were
// completed before close returned, so nothing else is to be finished. What fails stays in the journal for the next
// start. Only an unfinished file that stays under its key is an error: an open upload costs its storage, and the right
// to abort it may be missing. Blocking; the mount is not serving yet.
#pragma once

#include "data/journal/journal.h"
#include "ossfs2/object_store.h"

namespace ossfs2 {

// The first error of an unfinished file, after trying everything.
Status RecoverJournal(ObjectStore& store, Journal& journal);

}  // namespace ossfs2
