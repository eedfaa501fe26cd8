// MemoryStore: a whole bucket in memory, with the rules of OSS that the file system relies on
// (If-Match, forbid-overwrite, multipart, CRC64, 1000 a page, ETags), for tests and tools.
//
// Async calls complete on an own thread, in order of their due time; the destructor ends what is left with
// kCanceled. EndCalls ends data calls only: nothing else waits. Counts every request by name so that tests can assert
// on them. Head of a symlink describes the link itself (size: bytes of its target), also when it dangles; Get follows
// it one level. Thread-safe.
#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/time/clock.h"
#include "ossfs2/object_store.h"

namespace ossfs2::oss {

class MemoryStore : public ObjectStore {
 public:
  // For tests: what is stored, and tampering with it.
  virtual std::optional<std::string> Content(const std::string& key) const = 0;
  virtual void PutContent(const std::string& key, std::string content, Metadata metadata = {}) = 0;
  virtual std::optional<Metadata> MetadataOf(const std::string& key) const = 0;
  virtual std::vector<std::string> Keys() const = 0;
  virtual size_t OpenUploads() const = 0;
  // "get", "put", "part", "head", "list", "copy", "delete", "delete_many", "initiate", "copy_part",
  // "complete", "abort", "list_parts", "list_uploads", "symlink", "get_symlink", "get_tags", "append", "probe".
  virtual std::map<std::string, uint64_t> Requests() const = 0;
  virtual uint64_t BytesSent() const = 0;      // by GETs
  virtual uint64_t BytesReceived() const = 0;  // by PUTs, parts and appends
  virtual void ResetCounts() = 0;
  // Every request waits so long; 0 by default.
  virtual void SetLatency(std::chrono::milliseconds latency) = 0;
  // GETs and uploads are held until released, to test what is in flight. Default false.
  virtual void HoldData(bool hold) = 0;
  virtual size_t HeldCalls() const = 0;
  virtual void ReleaseHeld(size_t count) = 0;  // oldest first
};

// `clock` gives the modification times.
std::unique_ptr<MemoryStore> MakeMemoryStore(Clock& clock = Clock::Real());

}  // namespace ossfs2::oss
