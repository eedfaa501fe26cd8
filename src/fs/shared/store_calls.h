// Store calls that the file system composes of ObjectStore's: a blocking put of a small object, and a
// verified copy of any size. Blocking: executor threads only. No state.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/threads/executor.h"
#include "ossfs2/object_store.h"

namespace ossfs2 {

// Puts an object without content (markers).
Result<WriteResult> PutEmpty(ObjectStore& store, const std::string& key, const WriteOptions& options);

// Whether the service gives the object's bytes: asks for the first one. An archived object may be readable where its
// bucket allows direct reads, which neither a list nor a HEAD tells.
Status ProbeRead(ObjectStore& store, const std::string& key, const std::string& etag);

struct CopyJob {
  std::string source_key;
  std::string source_etag;
  uint64_t size = 0;
  std::optional<uint64_t> crc64;  // of the source, when known
  std::string target_key;
  bool forbid_overwrite = false;
  std::optional<WriteOptions> replace;
  // Of the source, when known: the copy gets it, for the service would encrypt it as the bucket has it.
  std::optional<Encryption> encryption;
  int part_concurrency = 16;
  uint64_t whole_bytes_max = kCopyBytesMax;  // what is larger is copied in parts
  uint64_t part_bytes_min = 256ull << 20;    // more where kPartsMax demands it
};

// Copies server-side, in parts when one copy cannot do it, and proves the copy: by the CRC64 of its answer, else by
// equal ETag, else by HEADs of what is not known: the source's CRC64, the target's, and its size. EIO (kCorrupt) when
// the proof fails; the source is untouched. Unless the source's encryption is known, or one is configured, a HEAD asks
// for it first. `unproven`, when given: the ETag of the copy that has replaced the target, although an error is
// returned; unset: the target is as it was, or nobody knows.
Result<WriteResult> CopyVerified(ObjectStore& store, Executor& executor, const CopyJob& job,
                                 std::optional<std::string>* unproven = nullptr);

// Deletes the object if it is that version. False: another is there, or none. The service has no such request, so it
// asks first: what comes between is deleted.
Result<bool> DeleteVersion(ObjectStore& store, const std::string& key, const std::string& etag);

}  // namespace ossfs2
