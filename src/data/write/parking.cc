#include "data/write/parking.h"

#include <utility>

#include "base/clock.h"
#include "base/log.h"
#include "base/str.h"
#include "data/write/private_names.h"

namespace ossfs2 {

Result<std::unique_ptr<Parking>> Parking::Begin(WriteServices& services, const ObjectVersion& base,
                                                const NameLoss& loss) {
  JournalEntry entry;
  entry.kind = JournalKind::kProvisional;
  entry.key = base.key;
  entry.started_s = Clock::Real().NowWallNs() / 1'000'000'000;
  entry.backup_key = PrivateKey(loss.parking_folder, kParkedNameStart);
  entry.settled = true;  // after a crash nothing but this copy must go
  Result<Journal::Id> record = services.journal.Begin(entry);
  if (!record) return record.error();
  ObjectVersion version;
  version.key = entry.backup_key;
  auto parking = std::make_unique<Parking>(services, std::move(version), *record);
  Result<ObjectVersion> copy = loss.park(base, entry.backup_key);
  if (!copy) {
    parking->End();  // the answer may be lost, and the copy there
    return copy.error();
  }
  parking->version_ = std::move(*copy);
  return parking;
}

void Parking::End() {
  if (Status status = services_.store.Delete(version_.key); status)
    services_.journal.End(record_);
  else
    Log(LogLevel::kWarning, StrCat("the copy ", version_.key, " of an unlinked file could not be deleted; the next start does it: ",
                                   status.error().text));
}

}  // namespace ossfs2
