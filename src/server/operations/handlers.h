// The operations of the protocol, one function each, over storage.
//
// Each gets an authenticated exchange with an existing bucket and gives the answer without the headers that
// all answers share. Thread-safe; bodies are read on the calling thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "server/exchange/exchange.h"
#include "server/exchange/service_error.h"
#include "server/exchange/stats.h"
#include "server/storage/storage.h"

namespace ossfs2::server {

// Limits of the service.
inline constexpr uint64_t kPutBytesMax = 5ull << 30;
inline constexpr uint64_t kPartBytesMin = 100ull << 10;
inline constexpr uint64_t kCopyBytesMax = 5ull << 30;         // between buckets
inline constexpr uint64_t kClassChangeBytesMax = 1ull << 30;  // with another storage class
inline constexpr uint64_t kObjectBytesMax = 53'687'091'200'000ull;
inline constexpr int kPartsMax = 10000;
inline constexpr size_t kKeyBytesMax = 1023;
inline constexpr size_t kMetadataBytesMax = 8 << 10;
inline constexpr size_t kXmlBytesMax = 2 << 20;
inline constexpr uint64_t kMd5BytesMax = 1 << 20;  // larger bodies get an ETag from their CRC

struct HandlerContext {
  Storage& storage;
  Stats& stats;
  bool discard = false;         // uploads are counted, not kept; only their CRC64 is checked
  bool copies_change_etag = false;
  bool no_copy_crc = false;  // answers to CopyObject tell no CRC64
  bool versioned = false;    // as a bucket with versioning answers; old versions are not kept
  int64_t restore_seconds = 1;  // how long a restore stays "ongoing"
  std::string region = "cn-hangzhou";
  std::string storage_class = "Standard";  // of what is written without a class of its own
  std::atomic<int> page_entries_max{1000};  // tiny pages for tests
};

using Handler = Reply<HttpResponse>(HandlerContext&, Exchange&);
Handler GetObject, HeadObject;                                              // get_object.cc
Handler PutObject, AppendObject;                                            // put_object.cc
Handler PutSymlink, GetSymlink, RestoreObject;                              // symlink.cc
Handler CopyObject;                                                         // copy_object.cc
Handler InitiateUpload, UploadPart, CopyPart, CompleteUpload, AbortUpload;  // multipart.cc
Handler ListParts, ListUploads;                                             // list_uploads.cc
Handler ListObjects;                                                        // list_objects.cc
Handler DeleteObject, DeleteObjects;                                        // delete_object.cc
Handler OtherObject, OtherBucket, ListBuckets;                              // bucket_info.cc

// --- shared pieces (object_headers.cc, upload_body.cc, conditions.cc) ---

struct ReceivedBody {
  std::vector<Extent> extents;  // one or none
  uint64_t size = 0;
  uint64_t crc64 = 0;
  std::string etag;
  std::string content_md5;  // base64, when computed
};
// Reads the whole upload body into a blob and checks Content-MD5, CRC and length. `tail`: an extent of an
// appendable object that may be continued in place (null: a new blob).
Reply<ReceivedBody> ReceiveBody(HandlerContext& context, Exchange& e, const Extent* tail = nullptr);
// A small body as text, at most kXmlBytesMax (`code` when larger), Content-MD5 checked when present.
Reply<std::string> ReceiveText(Exchange& e, size_t bytes_max, std::string_view code);

// Among the headers of a record; answers show the count only.
inline constexpr std::string_view kTagsHeader = "x-oss-tagging";
// Of a record, as they were sent; empty: none.
std::string TagsOf(const ObjectRecord& record);
// Names without the dialect's prefix; the algorithm, and the key of KMS.
inline constexpr const char* kEncryptionHeaders[] = {"server-side-encryption", "server-side-encryption-key-id"};
// Content-Type, stored headers, metadata and storage class of a request into a record.
Reply<void> ReadAttributes(const Exchange& e, ObjectRecord& record);
// ETag, type, CRC, Last-Modified and the rest onto the answer of GET and HEAD.
void AddObjectHeaders(const Exchange& e, const ObjectRecord& record, HttpResponse& response);
void AddUploadHeaders(const Exchange& e, const std::string& etag, std::optional<uint64_t> crc64,
                      HttpResponse& response);
// `"<etag>"`, lower-case in the S3 dialect.
std::string QuotedEtag(const Exchange& e, const std::string& etag);
std::string OpaqueEtag(uint64_t crc64, uint64_t size);

// If-Match and its sisters, or the copy-source ones (`copy`). Status 304 comes as an error with no code.
Reply<void> CheckConditions(const Exchange& e, const ObjectRecord& record, bool copy);
// forbid-overwrite, and If-None-Match / If-Match of S3, against the present object (null: none).
Reply<void> CheckOverwrite(const Exchange& e, const ObjectRecord* present);
// Makes the record the object under the key, with that check at the same moment.
Reply<void> PutUnlessRefused(const Exchange& e, RecordPtr record);
// Archived and not restored: InvalidObjectState.
Reply<void> CheckReadable(const ObjectRecord& record, int64_t now_s);
std::string RestoreHeader(const ObjectRecord& record, int64_t now_s);  // empty: none
bool IsArchive(const std::string& storage_class);
const char* S3ClassName(const std::string& storage_class);

// copy-source: the bucket, key and present record.
struct CopySource {
  std::string bucket;
  std::string key;
  RecordPtr record;
};
Reply<CopySource> FindCopySource(HandlerContext& context, const Exchange& e);

// An answer with an XML body.
HttpResponse XmlAnswer(std::string xml);

}  // namespace ossfs2::server
