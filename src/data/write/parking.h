// Parking: a copy of an object that open handles still need after its name is gone.
//
// It lies under "<folder>.ossfs2-unlinked-<id>" from before the name is taken until the last close. The journal knows
// it first, so that a crash leaves nothing behind; without a journal `ossfs2 gc` finds it. Threads: the file's
// turn holder. Errors: those of the copy and of the journal.
#pragma once

#include <memory>

#include "data/journal/journal_entry.h"
#include "data/read/read_engine.h"
#include "data/write/write_file.h"
#include "data/write/write_services.h"

namespace ossfs2 {

class Parking {
 public:
  static Result<std::unique_ptr<Parking>> Begin(WriteServices& services, const ObjectVersion& base,
                                                const NameLoss& loss);
  Parking(WriteServices& services, ObjectVersion version, Journal::Id record)
      : services_(services), version_(std::move(version)), record_(record) {}

  const ObjectVersion& version() const { return version_; }
  // Nobody needs it any more. Blocks.
  void End();

 private:
  WriteServices& services_;
  ObjectVersion version_;
  const Journal::Id record_;
};

}  // namespace ossfs2
