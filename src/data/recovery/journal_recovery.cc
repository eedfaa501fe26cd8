#include "data/recovery/journal_recovery.h"

#include <cstdlib>

#include "base/report/log.h"
#include "base/values/str.h"
#include "data/recovery/provisional.h"
#include "data/recovery/rename_record.h"

namespace ossfs2 {
namespace {

// An upload whose id was not written down began within this time of its record (one operation's
// deadline, and clocks that differ). It has no part: those need the id.
constexpr int64_t kOpeningSeconds = 300;

Status AbortUnnamed(ObjectStore& store, const JournalEntry& entry) {
  Result<std::vector<UploadInfo>> uploads = store.ListUploads(entry.key);
  if (!uploads) return uploads.error();
  for (const UploadInfo& upload : *uploads) {
    if (upload.key != entry.key || std::llabs(upload.initiated_s - entry.started_s) > kOpeningSeconds) continue;
    const Result<std::vector<PartResult>> parts = store.ListParts(upload.key, upload.upload_id);
    if (!parts && parts.error().kind == ErrorKind::kNotFound) continue;
    if (!parts) return parts.error();
    if (!parts->empty()) continue;  // somebody else's
    OSSFS2_RETURN_IF_ERROR(store.AbortUpload(upload.key, upload.upload_id));
  }
  return {};
}

Status RecoverEntry(ObjectStore& store, const JournalEntry& entry) {
  if (entry.kind == JournalKind::kProvisional) return UndoProvisional(store, entry);
  if (entry.kind == JournalKind::kRename) return FinishRename(store, entry);
  if (entry.upload_id.empty()) return AbortUnnamed(store, entry);
  return store.AbortUpload(entry.key, entry.upload_id);
}

void Tell(const JournalEntry& entry, const Error& error) {
  if (entry.kind == JournalKind::kProvisional) {
    Log(LogLevel::kError, StrCat("cannot clean up ", entry.key, " after the last run: ", error.text));
    return;
  }
  if (entry.kind == JournalKind::kRename) {
    Log(LogLevel::kWarning, StrCat("the rename of ", entry.from_key, " to ", entry.key,
                                   " was cut off, and both may stay; the next start tries again: ", error.text));
    return;
  }
  Log(LogLevel::kWarning, StrCat("an unfinished upload of ", entry.key,
                                 " stays in the bucket; the next start tries again, or ossfs2 gc: ", error.text));
}

}  // namespace

Status RecoverJournal(ObjectStore& store, Journal& journal) {
  const std::vector<Journal::Left> left = journal.TakeOver();
  Status first;
  // Whether an upload was completed shows only while it has not been aborted: provisional ones first.
  for (const JournalKind kind : {JournalKind::kProvisional, JournalKind::kUpload, JournalKind::kRename}) {
    for (const Journal::Left& item : left) {
      if (item.entry.kind != kind) continue;
      const Status status = RecoverEntry(store, item.entry);
      if (status) {
        const bool counts = kind == JournalKind::kProvisional;  // a second undo could meet a newer file
        journal.Settle(item.path, counts ? Journal::OnDisk::kNow : Journal::OnDisk::kSometime);
        Log(LogLevel::kInfo, StrCat("cleaned up after a run that did not end properly: ", item.entry.key));
        continue;
      }
      Tell(item.entry, status.error());
      if (first && kind == JournalKind::kProvisional) first = status;
    }
  }
  return first;
}

}  // namespace ossfs2
