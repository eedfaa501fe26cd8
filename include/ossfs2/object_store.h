// ObjectStore: what the file system needs of a bucket, in terms of objects.
//
// What it is: the seam between files and the wire. `oss` has the OSS client
// (OssStore), an in-memory store (MemoryStore) and a wrapper that injects faults
// (FaultStore); supply your own for another service or a test.
//
// Threads: every method may be called from any thread. Plain methods block until
// the answer or the deadline, with all retries inside: call them from executor
// threads only. *Async methods return at once; their sink and done callbacks run
// on network threads and must not block.
// Retries: an implementation repeats every verb that may be repeated, with back-off,
// until the operation's deadline (default 60 s), and asks (HEAD, CRC) when the answer
// of a publishing verb was lost. What comes back is final.
// Truth: no answer is believed without the service's markers. A list that failed is an
// error, never a short list. A GET delivers exactly the asked range of exactly the
// asked version, or an error (kVersionChanged, ESTALE, when the object was replaced).
// Keys are raw bytes, without the mount's prefix being added here (the caller's key is
// the full key). Upload bodies stay valid until done.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "ossfs2/status.h"

namespace ossfs2 {

using Metadata = std::map<std::string, std::string>;  // user metadata, names lower-case without x-oss-meta-
// How web clients are served an object: cache-control, content-disposition, content-encoding, content-language and
// expires, those that it has.
using ServingHeaders = std::map<std::string, std::string>;

// How the service encrypts an object's bytes. Empty: as the bucket has it, or not at all.
struct Encryption {
  std::string algorithm;  // "AES256", "KMS", "SM4"
  std::string key_id;     // of KMS; empty: the service's own
  bool operator==(const Encryption&) const = default;
};

enum class ObjectType : uint8_t { kNormal, kMultipart, kAppendable, kSymlink };

struct ObjectInfo {
  std::string key;
  uint64_t size = 0;
  std::string etag;        // without quotes
  int64_t mtime_s = 0;     // Last-Modified, seconds since 1970
  std::optional<uint64_t> crc64;  // absent on very old objects
  ObjectType type = ObjectType::kNormal;
  std::string storage_class;      // "Standard", "IA", "Archive", "ColdArchive"...
  std::string restore;            // x-oss-restore, empty when absent
  std::string content_type;       // HEAD only
  Metadata metadata;              // HEAD only; lists do not have it
  ServingHeaders serving;         // HEAD only
  Encryption encryption;          // HEAD only
  uint64_t tag_count = 0;         // HEAD only; the service tells it to keys that may read tags
  std::string version_id;         // HEAD only; empty: the bucket keeps no versions
};

struct ListEntry {
  std::string key;  // or the common prefix, with its trailing slash
  bool is_prefix = false;
  uint64_t size = 0;
  std::string etag;
  int64_t mtime_s = 0;
  ObjectType type = ObjectType::kNormal;
  std::string storage_class;
};

struct ListRequest {
  std::string prefix;
  std::string delimiter;     // "/" or empty
  std::string continuation;  // of the page before; empty for the first
  std::string start_after;
  int max_keys = 1000;
};

struct ListPage {
  std::vector<ListEntry> entries;  // keys and prefixes merged, in byte order
  std::string continuation;        // empty: this was the last page
};

struct WriteOptions {
  Metadata metadata;
  std::string content_type;       // empty: by the key's extension
  bool forbid_overwrite = false;  // kAlreadyExists (EEXIST) when the key exists
  ServingHeaders serving;         // for copies, which would lose the source's
  Encryption encryption;          // of the version that is copied or replaced; see HasOwnEncryption
  std::string tags;               // of the version that is replaced, as GetTags gives them; copies keep the source's
};

struct WriteResult {
  std::string etag;
  std::optional<uint64_t> crc64;  // of the whole object
  int64_t mtime_s = 0;            // from the answer's Date; 0 when unknown
};

struct CopyRequest {
  std::string source_key;
  std::string source_etag;  // empty: whatever is there
  std::string target_key;
  bool forbid_overwrite = false;
  // Present: the copy gets this metadata, content type and serving headers instead of the source's.
  std::optional<WriteOptions> replace;
  Encryption encryption;  // without `replace`: the source's, which the service would not keep
};

struct PartResult {
  int number = 0;  // 1..10000
  std::string etag;
  uint64_t size = 0;
  std::optional<uint64_t> crc64;
};

struct UploadInfo {
  std::string key;
  std::string upload_id;
  int64_t initiated_s = 0;
};

// Where the bytes of a GET go, in order from the first asked byte; also across retries.
class DataSink {
 public:
  virtual ~DataSink() = default;
  // Memory for the next bytes, at most what is still missing. Empty: give up (kCanceled).
  virtual std::span<std::byte> NextBuffer() = 0;
  virtual void OnBytes(size_t size) = 0;
};

class StoreCall {
 public:
  virtual ~StoreCall() = default;
  virtual void Cancel() = 0;  // done still runs, once, with kCanceled or the result
};

struct GetRequest {
  std::string key;
  uint64_t offset = 0;
  uint64_t size = 0;         // > 0; the range must lie inside the object
  std::string etag;          // If-Match; empty: any version
};

// Bytes of an upload, with their CRC64 when the caller has it (then the answer's CRC is compared).
struct UploadBody {
  std::vector<std::span<const std::byte>> spans;
  std::optional<uint64_t> crc64;
};

class ObjectStore {
 public:
  virtual ~ObjectStore() = default;

  // --- data ---
  virtual std::shared_ptr<StoreCall> GetAsync(GetRequest request, std::shared_ptr<DataSink> sink,
                                              std::function<void(Status)> done) = 0;
  virtual std::shared_ptr<StoreCall> PutAsync(std::string key, UploadBody body, WriteOptions options,
                                              std::function<void(Result<WriteResult>)> done) = 0;
  virtual std::shared_ptr<StoreCall> UploadPartAsync(std::string key, std::string upload_id, int number,
                                                     UploadBody body,
                                                     std::function<void(Result<PartResult>)> done) = 0;

  // --- metadata, blocking ---
  virtual Result<ObjectInfo> Head(const std::string& key) = 0;
  virtual Result<ListPage> List(const ListRequest& request) = 0;
  virtual Result<WriteResult> Copy(const CopyRequest& request) = 0;
  virtual Status Delete(const std::string& key) = 0;  // a missing key is success
  // At most 1000 keys, all gone after success; a missing key is one.
  virtual Status DeleteMany(const std::vector<std::string>& keys) = 0;
  virtual Result<WriteResult> PutSymlink(const std::string& key, const std::string& target,
                                         const WriteOptions& options) = 0;
  virtual Result<std::string> GetSymlink(const std::string& key) = 0;
  // The object's tags, "k1=v1&k2=v2", URL-encoded; empty when it has none.
  virtual Result<std::string> GetTags(const std::string& key) = 0;

  // --- multipart, blocking ---
  virtual Result<std::string> InitiateUpload(const std::string& key, const WriteOptions& options) = 0;
  // Bytes [offset, offset+size) of the source version become the part.
  virtual Result<PartResult> CopyPart(const std::string& key, const std::string& upload_id, int number,
                                      const std::string& source_key, const std::string& source_etag,
                                      uint64_t offset, uint64_t size) = 0;
  // Publishes. `crc64`: expected CRC of the whole object, compared with the answer.
  virtual Result<WriteResult> CompleteUpload(const std::string& key, const std::string& upload_id,
                                             const std::vector<PartResult>& parts,
                                             std::optional<uint64_t> crc64, bool forbid_overwrite) = 0;
  virtual Status AbortUpload(const std::string& key, const std::string& upload_id) = 0;  // missing: success
  virtual Result<std::vector<PartResult>> ListParts(const std::string& key, const std::string& upload_id) = 0;
  virtual Result<std::vector<UploadInfo>> ListUploads(const std::string& prefix) = 0;

  // Whether everything is written with an encryption that was configured, so that nobody need ask for that of a source.
  virtual bool HasOwnEncryption() const { return false; }
  // The same of tags.
  virtual bool HasOwnTags() const { return false; }

  // --- appendable objects, blocking ---
  // Appends at `position` (0 makes the object); kInvalid with OSS code PositionNotEqualToLength otherwise.
  // The answer has no length: callers add the sizes themselves.
  virtual Result<WriteResult> Append(const std::string& key, uint64_t position, const UploadBody& body,
                                     const WriteOptions& options) = 0;

  // Whether bucket, credentials, region and endpoint work: a list of at most one key under the prefix.
  virtual Status Probe(const std::string& prefix, std::chrono::milliseconds deadline) = 0;

  // --- the end ---
  // For an end that may not wait for a service that does not answer. When `after` has passed, all calls in flight are
  // canceled (kCanceled), also the blocking ones. Calls that begin later, as those that clean up, have `grace` from
  // then on; after that they are canceled too, and later ones end at once as canceled. Returns at once. There is no
  // way back; of several calls, what comes first counts.
  virtual void EndCalls(std::chrono::milliseconds after, std::chrono::milliseconds grace) = 0;
};

// Limits of the service.
inline constexpr uint64_t kPartBytesMin = 100ull << 10;
inline constexpr uint64_t kPartBytesMax = 5ull << 30;
inline constexpr int kPartsMax = 10000;
inline constexpr uint64_t kObjectBytesMax = 53'687'091'200'000ull;  // 48.8 TiB
inline constexpr uint64_t kPutBytesMax = 5ull << 30;
inline constexpr uint64_t kCopyBytesMax = 5ull << 30;  // larger: part copy
inline constexpr size_t kKeyBytesMax = 1023;
inline constexpr size_t kMetadataBytesMax = 8192;  // names and values of one object's user metadata

}  // namespace ossfs2
