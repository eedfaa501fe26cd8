#include "data/recovery/parking.h"

#include <utility>

#include "base/report/log.h"
#include "base/time/clock.h"
#include "base/values/str.h"
#include "data/recovery/private_names.h"

namespace ossfs2 {

Result<std::unique_ptr<Parking>> Parking::Begin(ObjectStore& store, Journal& journal, const ObjectVersion& base,
                                                const std::string& folder, const Copy& copy) {
  JournalEntry entry;
  entry.kind = JournalKind::kProvisional;
  entry.key = base.key;
  entry.started_s = Clock::Real().NowWallNs() / 1'000'000'000;
  entry.backup_key = PrivateKey(folder, kParkedNameStart);
  entry.settled = true;  // after a crash nothing but this copy must go
  // Without a record only a crash leaves the copy, and `ossfs2 gc` finds it. That is less than a file that cannot be
  // removed, maybe to make room on that very disk.
  Result<Journal::Id> record = journal.Begin(entry);
  if (!record) {
    LogLimited(LogLevel::kWarning,
               StrCat(base.key, " is removed while it is open, and no record can be kept of ", entry.backup_key,
                      ", which its readers need: ", record.error().text,
                      ". Next: free space there; run ossfs2 gc only when they have ended, and after a crash"));
    record = Journal::Id{0};
  }
  ObjectVersion version;
  version.key = entry.backup_key;
  auto parking = std::make_unique<Parking>(store, journal, std::move(version), *record);
  Result<ObjectVersion> copied = copy(base, entry.backup_key);
  if (!copied) {
    parking->End();  // the answer may be lost, and the copy there
    return copied.error();
  }
  parking->version_ = std::move(*copied);
  return parking;
}

void Parking::End() {
  if (Status status = store_.Delete(version_.key); status)
    journal_.End(record_);
  else
    Log(LogLevel::kWarning,
        StrCat("the copy ", version_.key,
               " of an unlinked file could not be deleted; the next start does it: ", status.error().text));
}

}  // namespace ossfs2
