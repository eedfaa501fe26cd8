// Provisional: an unfinished file stored under its real key, so that its bytes can be read and
// copied, in a way that a crash undoes.
//
// Order: (1) an older version is copied to a backup (backup_name.h); (2) the journal says, on disk, that
// this upload of this size and checksum is being completed; (3) it is completed, and the journal
// gets its ETag; later (4) the finished file is stored, the journal says so, and the backup goes. A crash
// between (2) and (4) is undone by UndoProvisional: the key gets the backup again, or is deleted, if what
// is there is still ours. Threads: the file's turn holder. Errors: those of store and journal.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "data/journal/journal.h"
#include "data/object_version.h"
#include "data/recovery/backup_name.h"
#include "ossfs2/object_store.h"

namespace ossfs2 {

class Provisional {
 public:
  // `old_version` when one exists. Store and journal must outlive it.
  static Result<std::unique_ptr<Provisional>> Begin(ObjectStore& store, Journal& journal, const std::string& key,
                                                    const std::optional<ObjectVersion>& old_version);
  Provisional(ObjectStore& store, Journal& journal, JournalEntry entry, Journal::Id record,
              const std::optional<ObjectVersion>& old_version)
      : store_(store), journal_(journal), entry_(std::move(entry)), record_(record), old_version_(old_version) {}

  // Steps (1) and (2).
  Status BeforeComplete(const std::string& upload_id, uint64_t size, std::optional<uint64_t> crc64);
  Status Completed(const std::string& etag);
  // The key is about to be deleted and made anew as an appendable object from the backup, which is made here.
  Status BeforeConvert();
  // The finished file is stored.
  void Settle();
  // The file was given up: the old version comes back. Blocks.
  void Undo();

  const std::string& backup_key() const { return entry_.backup_key; }
  const std::string& backup_etag() const { return entry_.backup_etag; }

 private:
  // The name of a backup says what the unfinished version is, so a later one needs another backup.
  Status MakeBackup(BackupKind kind, uint64_t size, std::optional<uint64_t> crc64);

  ObjectStore& store_;
  Journal& journal_;
  JournalEntry entry_;
  Journal::Id record_;
  const std::optional<ObjectVersion> old_version_;
};

// Puts the key back as the entry says and deletes the backup; may be repeated. After success the
// record is done with.
Status UndoProvisional(ObjectStore& store, const JournalEntry& entry);

}  // namespace ossfs2
