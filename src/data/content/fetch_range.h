// FetchRange: a range of an object into memory.
//
// Blocks; any thread that may. Errors: those of the store.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "data/object_version.h"
#include "ossfs2/object_store.h"

namespace ossfs2 {

// Fills `out` with the bytes at `offset` of exactly that version. A version without a key is one whose bytes are
// gone (WriteFile::Detach): ESTALE.
Status FetchRange(ObjectStore& store, const ObjectVersion& version, uint64_t offset, std::span<std::byte> out);

}  // namespace ossfs2
