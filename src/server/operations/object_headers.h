// What an object carries besides its bytes: from the headers of requests into records, and from records onto answers.
// Pure functions.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "server/exchange/exchange.h"
#include "server/exchange/service_error.h"
#include "server/storage/record.h"
#include "server/transport/http_message.h"

namespace ossfs2::server {

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
// For content whose MD5 is not known.
std::string OpaqueEtag(uint64_t crc64, uint64_t size);

bool IsArchive(const std::string& storage_class);
const char* S3ClassName(const std::string& storage_class);
// Of an archived object that was asked to be restored; empty: none.
std::string RestoreHeader(const ObjectRecord& record, int64_t now_s);

}  // namespace ossfs2::server
