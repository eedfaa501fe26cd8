#include "data/write_provisional.h"

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <random>
#include <utility>

#include "base/clock.h"
#include "base/log.h"
#include "base/str.h"

namespace ossfs2 {
namespace {

Status CopyObject(ObjectStore& store, const std::string& from, const std::string& from_etag, const std::string& to,
                  std::string* etag) {
  CopyRequest request;
  request.source_key = from;
  request.source_etag = from_etag;
  request.target_key = to;
  Result<WriteResult> copied = store.Copy(request);
  if (!copied) return copied.error();
  if (etag != nullptr) *etag = copied->etag;
  return {};
}

bool NotFound(const Error& error) { return error.kind == ErrorKind::kNotFound; }

// Whether what is under the key was put there by the run that wrote the entry.
Result<bool> IsOurs(ObjectStore& store, const JournalEntry& entry) {
  Result<ObjectInfo> there = store.Head(entry.key);
  if (!there && NotFound(there.error())) return entry.converting;
  if (!there) return there.error();
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
  if (!entry.completing) return false;
  // Still open: it was never completed.
  Result<std::vector<PartResult>> parts = store.ListParts(entry.key, entry.upload_id);
  if (parts) return false;
  if (!NotFound(parts.error())) return parts.error();
  return there->size == entry.size && (!entry.crc64 || !there->crc64 || *entry.crc64 == *there->crc64);
}

}  // namespace

std::string BackupKey(const std::string& key) {
  static std::atomic<uint64_t> counter{0};
  static const uint64_t random = (static_cast<uint64_t>(std::random_device{}()) << 32) | std::random_device{}();
  const size_t slash = key.rfind('/');
  const std::string folder = slash == std::string::npos ? "" : key.substr(0, slash + 1);
  return StrCat(folder, ".ossfs2-backup-", random, "-", getpid(), "-", counter.fetch_add(1));
}

Result<std::unique_ptr<Provisional>> Provisional::Begin(WriteServices& services, const std::string& key,
                                                        const std::optional<ObjectVersion>& old_version) {
  JournalEntry entry;
  entry.kind = JournalKind::kProvisional;
  entry.key = key;
  entry.started_s = Clock::Real().NowWallNs() / 1'000'000'000;
  if (old_version) entry.backup_key = BackupKey(key);
  Result<Journal::Id> record = services.journal.Begin(entry);
  if (!record) return record.error();
  auto provisional = std::make_unique<Provisional>(services, std::move(entry), *record);
  if (!old_version) return provisional;
  Status status =
      CopyObject(services.store, key, old_version->etag, provisional->entry_.backup_key, &provisional->entry_.backup_etag);
  if (status) status = services.journal.Update(*record, provisional->entry_);
  if (!status) {
    provisional->Settle();
    return status.error();
  }
  return provisional;
}

Status Provisional::BeforeComplete(const std::string& upload_id, uint64_t size, std::optional<uint64_t> crc64) {
  entry_.upload_id = upload_id;
  entry_.completing = true;
  entry_.size = size;
  entry_.crc64 = crc64;
  return services_.journal.Update(record_, entry_);
}

Status Provisional::Completed(const std::string& etag) {
  entry_.completing = false;
  entry_.provisional_etags.push_back(etag);
  return services_.journal.Update(record_, entry_);
}

Status Provisional::BeforeConvert() {
  entry_.converting = true;
  return services_.journal.Update(record_, entry_);
}

void Provisional::Settle() {
  entry_.settled = true;
  if (Status status = services_.journal.Update(record_, entry_); !status)
    Log(LogLevel::kWarning, StrCat(entry_.key, ": ", status.error().text));
  if (!entry_.backup_key.empty()) {
    if (Status status = services_.store.Delete(entry_.backup_key); !status) {
      Log(LogLevel::kWarning, StrCat("the backup ", entry_.backup_key, " could not be deleted; the next start does it: ",
                                     status.error().text));
      return;
    }
  }
  services_.journal.End(record_);
}

void Provisional::Undo() {
  if (Status status = UndoProvisional(services_.store, entry_); status)
    services_.journal.End(record_);
  else
    Log(LogLevel::kError, StrCat(entry_.key, " holds an unfinished file; the next start puts the old version back: ",
                                 status.error().text));
}

Status UndoProvisional(ObjectStore& store, const JournalEntry& entry) {
  if (!entry.settled) {
    Result<bool> ours = IsOurs(store, entry);
    if (!ours) return ours.error();
    if (*ours && !entry.backup_etag.empty())
      OSSFS2_RETURN_IF_ERROR(CopyObject(store, entry.backup_key, entry.backup_etag, entry.key, nullptr));
    else if (*ours)
      OSSFS2_RETURN_IF_ERROR(store.Delete(entry.key));
    if (!entry.upload_id.empty()) OSSFS2_RETURN_IF_ERROR(store.AbortUpload(entry.key, entry.upload_id));
  }
  if (!entry.backup_key.empty()) return store.Delete(entry.backup_key);
  return {};
}

}  // namespace ossfs2
