#include "data/recovery/provisional.h"

#include <utility>

#include "base/report/log.h"
#include "base/time/clock.h"
#include "base/values/str.h"
#include "data/recovery/whole_copy.h"

namespace ossfs2 {
namespace {

bool NotFound(const Error& error) { return error.kind == ErrorKind::kNotFound; }

bool Matches(const JournalEntry& entry, const ObjectInfo& there) {
  return there.size == entry.size && (!entry.crc64 || !there.crc64 || *entry.crc64 == *there.crc64);
}

// Without the right to abort, an upload is left to `ossfs2 gc`.
Status EndUpload(ObjectStore& store, const JournalEntry& entry) {
  Status aborted = store.AbortUpload(entry.key, entry.upload_id);
  if (aborted || aborted.error().kind != ErrorKind::kAccessDenied) return aborted;
  Log(LogLevel::kWarning,
      StrCat("an unfinished upload of ", entry.key, " stays in the bucket: ", aborted.error().text));
  return {};
}

// Whether the upload of `completing` made what is under the key; `before`: what was there first, null: nothing.
// A Complete that the ended run sent may still be under way: once the upload is ended here it cannot come any more, and
// what came in the moment before that shows as a change.
Result<bool> WasCompleted(ObjectStore& store, const JournalEntry& entry, const ObjectInfo* before) {
  const Result<std::vector<PartResult>> parts = store.ListParts(entry.key, entry.upload_id);
  if (!parts && !NotFound(parts.error())) return parts.error();
  if (parts) OSSFS2_RETURN_IF_ERROR(EndUpload(store, entry));
  Result<ObjectInfo> now = store.Head(entry.key);
  if (!now && NotFound(now.error())) return false;
  if (!now) return now.error();
  if (parts && before != nullptr && before->etag == now->etag) return false;
  return Matches(entry, *now);
}

// Whether what is under the key was put there by the run that wrote the entry.
Result<bool> IsOurs(ObjectStore& store, const JournalEntry& entry) {
  Result<ObjectInfo> there = store.Head(entry.key);
  if (!there && !NotFound(there.error())) return there.error();
  if (!there && entry.converting) return true;
  if (there)
    for (const std::string& etag : entry.provisional_etags)
      if (there->etag == etag) return true;
  if (entry.converting) {
    // Complete, it equals the backup and may stay; anything shorter of ours is unfinished.
    Result<ObjectInfo> backup = store.Head(entry.backup_key);
    if (!backup) return backup.error();
    const bool whole = there->size == backup->size &&
                       (!there->crc64 || !backup->crc64 || *there->crc64 == *backup->crc64);
    return there->type == ObjectType::kAppendable && !whole;
  }
  return entry.completing ? WasCompleted(store, entry, there ? &*there : nullptr) : Result<bool>(false);
}

}  // namespace

Result<std::unique_ptr<Provisional>> Provisional::Begin(ObjectStore& store, Journal& journal, const std::string& key,
                                                        const std::optional<ObjectVersion>& old_version) {
  JournalEntry entry;
  entry.kind = JournalKind::kProvisional;
  entry.key = key;
  entry.started_s = Clock::Real().NowWallNs() / 1'000'000'000;
  Result<Journal::Id> record = journal.Begin(entry);
  if (!record) return record.error();
  return std::make_unique<Provisional>(store, journal, std::move(entry), *record, old_version);
}

Status Provisional::MakeBackup(BackupKind kind, uint64_t size, std::optional<uint64_t> crc64) {
  if (!old_version_) return {};
  const bool have_one = !entry_.backup_etag.empty();
  if (have_one && entry_.size == size && entry_.crc64 == crc64) return {};  // another try
  const std::string last_key = entry_.backup_key;
  const std::string key = MakeBackupKey({kind, size, crc64, entry_.key});
  if (!have_one) {
    entry_.backup_key = key;
    OSSFS2_RETURN_IF_ERROR(journal_.Update(record_, entry_));
  }
  Result<WriteResult> copied = have_one ? CopyWhole(store_, last_key, entry_.backup_etag, key)
                                        : CopyWhole(store_, old_version_->key, old_version_->etag, key);
  if (!copied) return copied.error();
  entry_.backup_key = key;
  entry_.backup_etag = copied->etag;
  OSSFS2_RETURN_IF_ERROR(journal_.Update(record_, entry_));
  // Of a later one, or of a try that failed. If it stays, `ossfs2 gc` finds it.
  if (!last_key.empty()) (void)store_.Delete(last_key);
  return {};
}

Status Provisional::BeforeComplete(const std::string& upload_id, uint64_t size, std::optional<uint64_t> crc64) {
  OSSFS2_RETURN_IF_ERROR(MakeBackup(BackupKind::kProvisional, size, crc64));
  entry_.upload_id = upload_id;
  entry_.completing = true;
  entry_.size = size;
  entry_.crc64 = crc64;
  return journal_.Update(record_, entry_);
}

Status Provisional::Completed(const std::string& etag) {
  entry_.completing = false;
  entry_.provisional_etags.push_back(etag);
  return journal_.Update(record_, entry_);
}

Status Provisional::BeforeConvert() {
  OSSFS2_RETURN_IF_ERROR(MakeBackup(BackupKind::kConverting, old_version_->size, old_version_->crc64));
  entry_.converting = true;
  return journal_.Update(record_, entry_);
}

void Provisional::Settle() {
  entry_.settled = true;
  const Status written = journal_.Update(record_, entry_);
  if (!written) {
    // Not settled on disk, it must not be there any more, whatever becomes of the backup: the next start would undo
    // what is stored.
    Log(LogLevel::kWarning, StrCat(entry_.key, ": ", written.error().text));
    journal_.End(record_, Journal::OnDisk::kNow);
  }
  if (!entry_.backup_key.empty()) {
    if (Status status = store_.Delete(entry_.backup_key); !status) {
      Log(LogLevel::kWarning, StrCat("the backup ", entry_.backup_key, " could not be deleted; ",
                                     written ? "the next start" : "ossfs2 gc", " does it: ", status.error().text));
      return;
    }
  }
  if (written) journal_.End(record_);
}

void Provisional::Undo() {
  // Were the record to come back, it could take the same content, written again, for the unfinished file.
  if (Status status = UndoProvisional(store_, entry_); status)
    journal_.End(record_, Journal::OnDisk::kNow);
  else
    Log(LogLevel::kError, StrCat(entry_.key, " holds an unfinished file; the next start puts the old version back: ",
                                 status.error().text));
}

Status UndoProvisional(ObjectStore& store, const JournalEntry& entry) {
  if (!entry.settled) {
    Result<bool> ours = IsOurs(store, entry);
    if (!ours) return ours.error();
    if (*ours && !entry.backup_etag.empty()) {
      Result<WriteResult> restored = CopyWhole(store, entry.backup_key, entry.backup_etag, entry.key);
      if (!restored) return restored.error();
    } else if (*ours)
      OSSFS2_RETURN_IF_ERROR(store.Delete(entry.key));
    if (!entry.upload_id.empty()) OSSFS2_RETURN_IF_ERROR(EndUpload(store, entry));
  }
  if (!entry.backup_key.empty()) return store.Delete(entry.backup_key);
  return {};
}

}  // namespace ossfs2
