// What a request may ask of the object that it meets, and whether that object can be read.
//
// Threads: any. Errors: as the service answers them; status 304 comes as an error with no code.
#pragma once

#include <cstdint>

#include "server/exchange/exchange.h"
#include "server/exchange/service_error.h"
#include "server/storage/record.h"

namespace ossfs2::server {

// If-Match and its sisters, or the copy-source ones (`copy`).
Reply<void> CheckConditions(const Exchange& e, const ObjectRecord& record, bool copy);
// forbid-overwrite, and If-None-Match / If-Match of S3, against the present object (null: none).
Reply<void> CheckOverwrite(const Exchange& e, const ObjectRecord* present);
// Makes the record the object under the key, with that check at the same moment.
Reply<void> PutUnlessRefused(const Exchange& e, RecordPtr record);
// Archived and not restored: InvalidObjectState.
Reply<void> CheckReadable(const ObjectRecord& record, int64_t now_s);

}  // namespace ossfs2::server
