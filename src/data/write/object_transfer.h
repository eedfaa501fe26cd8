// Blocking transfers of the write side: a range of an object into memory, a whole object from memory.
//
// Threads: any that may block. Errors: those of the store.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "data/read/read_engine.h"
#include "data/write/write_services.h"

namespace ossfs2 {

// Fills `out` with the bytes at `offset` of exactly that version. A version without a key is one whose bytes are
// gone (WriteFile::Detach): ESTALE.
Status FetchRange(ObjectStore& store, const ObjectVersion& version, uint64_t offset, std::span<std::byte> out);

// One PUT, in the scheduler's order. The body stays valid until it returns.
Result<WriteResult> PutObject(WriteServices& services, uint64_t owner, const std::string& key, UploadBody body,
                              const WriteOptions& options);

}  // namespace ossfs2
