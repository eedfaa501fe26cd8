// ConvertToAppendable: how a normal object becomes one that takes appends (enable_appendable_object).
//
// Blocking. Errors: those of the store and the journal; the object is then as it was, or the journal has what brings it
// back.
#pragma once

#include "data/content/write_services.h"
#include "data/object_version.h"

namespace ossfs2 {

// Makes the normal object `base` an appendable one of the same bytes: backup, delete, append from the
// backup; the backup goes last, and a crash in between brings it back.
Result<ObjectVersion> ConvertToAppendable(WriteServices& services, const ObjectVersion& base);

}  // namespace ossfs2
