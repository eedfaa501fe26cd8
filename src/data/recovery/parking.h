// Parking: a copy of an object that open handles still need after its name is gone.
//
// It lies under "<folder>.ossfs2-unlinked-<id>" from before the name is taken until the last close. The journal knows
// it first, so that a crash leaves nothing behind; without a journal, or when its disk refuses the record, `ossfs2 gc`
// finds it. Threads: the file's turn holder. Errors: those of the copy.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "data/journal/journal.h"
#include "data/object_version.h"
#include "ossfs2/object_store.h"

namespace ossfs2 {

class Parking {
 public:
  // Copies that version to the key, proven; returns the copy.
  using Copy = std::function<Result<ObjectVersion>(const ObjectVersion& from, const std::string& to)>;

  // Store and journal must outlive it. The folder ends in '/', or is empty.
  static Result<std::unique_ptr<Parking>> Begin(ObjectStore& store, Journal& journal, const ObjectVersion& base,
                                                const std::string& folder, const Copy& copy);
  Parking(ObjectStore& store, Journal& journal, ObjectVersion version, Journal::Id record)
      : store_(store), journal_(journal), version_(std::move(version)), record_(record) {}

  const ObjectVersion& version() const { return version_; }
  // Nobody needs it any more. Blocks.
  void End();

 private:
  ObjectStore& store_;
  Journal& journal_;
  ObjectVersion version_;
  const Journal::Id record_;
};

}  // namespace ossfs2
