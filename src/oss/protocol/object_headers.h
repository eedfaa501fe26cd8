// Headers of objects: from WriteOptions to a request, from an answer to ObjectInfo. Pure functions.
//
// User metadata travels in x-oss-meta-NAME headers; a value that is not plain printable ASCII is
// percent-encoded, so is one with a quotation mark (JSON; ossfs 1.x expects it), and every value is decoded when read.
// At most 8 KiB in all (ENOSPC beyond).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "oss/protocol/oss_config.h"
#include "oss/signing/signing.h"
#include "ossfs2/object_store.h"

namespace ossfs2::http {
struct ResponseHead;
}

namespace ossfs2::oss {

// On objects made by puts that may not overwrite: a random number by which a put recognises its own object
// when the answer was lost. Hidden from ObjectInfo.
inline constexpr std::string_view kPutMarkHeader = "x-oss-meta-ossfs2-put";

std::string EncodeMetadataValue(std::string_view value);
// What the service counts against kMetadataBytesMax, with room for the mark of a put.
size_t MetadataWireBytes(const Metadata& metadata);

// Content type, serving headers, metadata, storage class, encryption, ACL, tagging, forbid-overwrite.
Status AddWriteHeaders(const OssConfig& config, const std::string& key, const WriteOptions& options,
                       NameValues& headers);
// The part of them that a changed copy carries also without new metadata: class, encryption, ACL, tags. `encryption`
// and `tags`: of the version before, unless one is configured.
void AddStoreHeaders(const OssConfig& config, const Encryption& encryption, const std::string& tags,
                     NameValues& headers);

// kCorrupt when length or ETag is missing.
Result<ObjectInfo> ReadObjectInfo(const std::string& key, const http::ResponseHead& head);

// One header, without quotes and surrounding blanks; empty when absent.
std::string HeaderText(const http::ResponseHead& head, std::string_view name);
std::optional<uint64_t> HeaderNumber(const http::ResponseHead& head, std::string_view name);
std::optional<uint64_t> CrcOf(const http::ResponseHead& head);
int64_t DateOf(const http::ResponseHead& head);  // 0 when absent

}  // namespace ossfs2::oss
