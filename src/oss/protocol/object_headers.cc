#include "oss/protocol/object_headers.h"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <iterator>

#include "base/values/str.h"
#include "base/values/text.h"
#include "http/message/response.h"
#include "oss/protocol/error_table.h"
#include "oss/protocol/mime.h"
#include "oss/protocol/oss_xml.h"
#include "oss/signing/encoding.h"

namespace ossfs2::oss {
namespace {

constexpr std::string_view kMetadataPrefix = "x-oss-meta-";
constexpr const char* kEncryptionHeader = "x-oss-server-side-encryption";
constexpr const char* kEncryptionKeyHeader = "x-oss-server-side-encryption-key-id";

bool IsMetadataName(std::string_view name) {
  return !name.empty() && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-';
  });
}

bool IsServingHeader(std::string_view lower_name) {
  constexpr std::string_view kNames[] = {"cache-control", "content-disposition", "content-encoding",
                                         "content-language", "expires"};
  return std::find(std::begin(kNames), std::end(kNames), lower_name) != std::end(kNames);
}

ObjectType TypeOf(std::string_view text) {
  if (text == "Multipart") return ObjectType::kMultipart;
  if (text == "Appendable") return ObjectType::kAppendable;
  if (text == "Symlink") return ObjectType::kSymlink;
  return ObjectType::kNormal;
}

}  // namespace

std::string EncodeMetadataValue(std::string_view value) {
  const bool is_plain =
      std::all_of(value.begin(), value.end(), [](char c) { return c >= 0x20 && c < 0x7f && c != '%' && c != '"'; });
  if (is_plain && !value.starts_with(' ') && !value.ends_with(' ')) return std::string(value);
  return PercentEncode(value);
}

size_t MetadataWireBytes(const Metadata& metadata) {
  constexpr size_t kMarkBytes = kPutMarkHeader.size() + 20;  // and a number
  size_t bytes = kMarkBytes;
  for (const auto& [name, value] : metadata)
    bytes += kMetadataPrefix.size() + name.size() + EncodeMetadataValue(value).size();
  return bytes;
}

void AddStoreHeaders(const OssConfig& config, const Encryption& encryption, const std::string& tags,
                     NameValues& headers) {
  const auto add = [&](const char* name, const std::string& value) {
    if (!value.empty()) headers.emplace_back(name, value);
  };
  add("x-oss-storage-class", config.storage_class);
  const Encryption chosen = config.sse.empty() ? encryption : Encryption{config.sse, config.sse_key_id};
  add(kEncryptionHeader, chosen.algorithm);
  add(kEncryptionKeyHeader, chosen.key_id);
  add("x-oss-object-acl", config.object_acl);
  add("x-oss-tagging", config.tagging.empty() ? tags : config.tagging);
}

Status AddWriteHeaders(const OssConfig& config, const std::string& key, const WriteOptions& options,
                       NameValues& headers) {
  headers.emplace_back("content-type", options.content_type.empty() ? std::string(ContentTypeOfKey(key))
                                                                    : options.content_type);
  headers.insert(headers.end(), options.serving.begin(), options.serving.end());
  Metadata metadata = options.metadata;
  metadata.insert(config.user_metadata.begin(), config.user_metadata.end());
  for (const auto& [name, value] : metadata) {
    if (!IsMetadataName(name)) {
      return MakeError(EINVAL, ErrorKind::kInvalid,
                       StrCat("metadata name ", name, " of ", key, " may hold only letters, digits and '-'"));
    }
    headers.emplace_back(StrCat(kMetadataPrefix, LowerCase(name)), EncodeMetadataValue(value));
  }
  if (const size_t size = MetadataWireBytes(metadata); size > kMetadataBytesMax) {
    return MakeError(
        ENOSPC, ErrorKind::kInvalid,
        StrCat("the metadata of ", key, " has ", size, " bytes; OSS stores at most ", kMetadataBytesMax,
               ". Next: remove or shorten extended attributes of the file"));
  }
  AddStoreHeaders(config, options.encryption, options.tags, headers);
  if (options.forbid_overwrite) headers.emplace_back("x-oss-forbid-overwrite", "true");
  return {};
}

std::string HeaderText(const http::ResponseHead& head, std::string_view name) {
  return StripQuotes(head.Find(name).value_or(std::string_view()));
}

std::optional<uint64_t> HeaderNumber(const http::ResponseHead& head, std::string_view name) {
  const auto value = head.Find(name);
  if (!value) return std::nullopt;
  uint64_t number = 0;
  const auto [end, error] = std::from_chars(value->data(), value->data() + value->size(), number);
  if (error != std::errc() || end != value->data() + value->size()) return std::nullopt;
  return number;
}

std::optional<uint64_t> CrcOf(const http::ResponseHead& head) {
  return HeaderNumber(head, "x-oss-hash-crc64ecma");
}

int64_t DateOf(const http::ResponseHead& head) { return ParseHttpDate(HeaderText(head, "date")).value_or(0); }

Result<ObjectInfo> ReadObjectInfo(const std::string& key, const http::ResponseHead& head) {
  const auto size = HeaderNumber(head, "content-length");
  ObjectInfo info;
  info.key = key;
  info.etag = HeaderText(head, "etag");
  if (!size || info.etag.empty()) {
    Error error =
        MakeError(EIO, ErrorKind::kCorrupt,
                  StrCat("the answer to head of ", key, " lacks length or ETag. Next: ", kStrangeAnswerAdvice, "."));
    error.retryable = true;
    return error;
  }
  info.size = *size;
  info.mtime_s = ParseHttpDate(HeaderText(head, "last-modified")).value_or(0);
  info.crc64 = CrcOf(head);
  info.type = TypeOf(HeaderText(head, "x-oss-object-type"));
  info.storage_class = HeaderText(head, "x-oss-storage-class");
  info.restore = head.Find("x-oss-restore").value_or(std::string_view());
  info.content_type = HeaderText(head, "content-type");
  info.version_id = HeaderText(head, "x-oss-version-id");
  info.encryption = {HeaderText(head, kEncryptionHeader), HeaderText(head, kEncryptionKeyHeader)};
  info.tag_count = HeaderNumber(head, "x-oss-tagging-count").value_or(0);
  for (size_t i = 0; i < head.headers.size(); ++i) {
    const http::ResponseHeaders::Entry header = head.headers[i];
    const std::string name = LowerCase(header.name);
    if (name.starts_with(kMetadataPrefix) && name != kPutMarkHeader)
      info.metadata[name.substr(kMetadataPrefix.size())] = PercentDecode(header.value);
    if (IsServingHeader(name)) info.serving[name] = header.value;
  }
  return info;
}

}  // namespace ossfs2::oss
