#include "server/operations/object_headers.h"

#include <algorithm>
#include <cctype>
#include <cstdio>
#include <ctime>
#include <set>

#include "base/values/str.h"
#include "base/values/text.h"
#include "oss/signing/encoding.h"
#include "server/operations/limits.h"

namespace ossfs2::server {
namespace {

constexpr const char* kStoredHeaders[] = {"Cache-Control", "Content-Disposition", "Content-Encoding",
                                          "Content-Language", "Expires"};

Reply<std::string> ReadStorageClass(const Exchange& e) {
  const std::string given = e.OwnHeaderOr("storage-class", "");
  if (given.empty()) return e.default_class;
  for (const char* name : kStorageClasses) {
    if (given == name) return given;
    if (e.dialect.s3 && given == S3ClassName(name)) return std::string(name);
  }
  return InvalidArgument(StrCat("Unknown storage class: ", given, "."));
}

bool IsAlphanumeric(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0; }

bool IsTagText(std::string_view text, size_t max) {
  constexpr std::string_view kSigns = " +-=._:/";
  return text.size() <= max && std::all_of(text.begin(), text.end(), [&](char c) {
    return IsAlphanumeric(c) || kSigns.find(c) != std::string_view::npos;
  });
}

// "k1=v1&k2", URL-encoded.
Reply<void> CheckTags(const std::string& text) {
  constexpr size_t kTagsMax = 10;
  constexpr size_t kKeyMax = 128;
  constexpr size_t kValueMax = 256;
  std::set<std::string> keys;
  for (const std::string& pair : Split(text, '&')) {
    const std::vector<std::string> sides = Split(pair, '=');
    const std::string key = oss::PercentDecode(sides[0]);
    const std::string value = sides.size() > 1 ? oss::PercentDecode(sides[1]) : "";
    if (sides.size() > 2 || key.empty() || !IsTagText(key, kKeyMax) || !IsTagText(value, kValueMax) ||
        !keys.insert(key).second || keys.size() > kTagsMax)
      return Fail(400, "InvalidTag", "The tag you have provided is invalid.");
  }
  return {};
}

template <size_t N>
bool IsOneOf(const std::string& text, const char* const (&words)[N]) {
  return std::find(std::begin(words), std::end(words), text) != std::end(words);
}

// Of headers that are not kept: those of OSS alone, since S3 clients send other words.
Reply<void> CheckProperties(const Exchange& e) {
  static constexpr const char* kAcls[] = {"default", "private", "public-read", "public-read-write"};
  static constexpr const char* kAlgorithms[] = {"AES256", "KMS", "SM4"};
  if (e.dialect.s3) return {};
  if (const auto* acl = e.OwnHeader("object-acl"); acl != nullptr && !IsOneOf(*acl, kAcls))
    return InvalidArgument(StrCat("Unknown object ACL: ", *acl, "."));
  if (const auto* algorithm = e.OwnHeader("server-side-encryption");
      algorithm != nullptr && !IsOneOf(*algorithm, kAlgorithms))
    return Fail(400, "InvalidEncryptionAlgorithmError", "The encryption algorithm you specified is not valid.");
  const auto* tagging = e.OwnHeader("tagging");
  return tagging == nullptr ? Reply<void>() : CheckTags(*tagging);
}

bool IsMd5(const std::string& etag) {
  if (etag.size() != 32) return false;
  for (const char c : etag) {
    if (std::isxdigit(static_cast<unsigned char>(c)) == 0) return false;
  }
  return true;
}

std::string Md5OfEtag(const std::string& etag) {
  std::string raw;
  for (size_t i = 0; i + 1 < etag.size(); i += 2) {
    raw.push_back(static_cast<char>(std::stoi(etag.substr(i, 2), nullptr, 16)));
  }
  return oss::Base64Encode(raw);
}

}  // namespace

bool IsArchive(const std::string& storage_class) { return storage_class.ends_with("Archive"); }

const char* S3ClassName(const std::string& storage_class) {
  if (storage_class == "IA") return "STANDARD_IA";
  if (storage_class == "Archive") return "GLACIER";
  if (IsArchive(storage_class)) return "DEEP_ARCHIVE";
  return "STANDARD";
}

std::string QuotedEtag(const Exchange& e, const std::string& etag) {
  return StrCat("\"", e.dialect.s3 ? LowerCase(etag) : etag, "\"");
}

std::string OpaqueEtag(uint64_t crc64, uint64_t size) {
  char text[40];
  std::snprintf(text, sizeof(text), "%016llX%016llX-1", static_cast<unsigned long long>(crc64),
                static_cast<unsigned long long>(size));
  return text;
}

Reply<void> ReadAttributes(const Exchange& e, ObjectRecord& record) {
  if (auto good = CheckProperties(e); !good) return good;
  record.content_type = e.http.HeaderOr("Content-Type", "application/octet-stream");
  for (const char* name : kStoredHeaders) {
    const std::string* value = e.http.Header(name);
    // The transfer coding of S3 uploads is no property of the object.
    if (value != nullptr && *value != "aws-chunked") record.headers.emplace_back(name, *value);
  }
  for (const char* name : kEncryptionHeaders) {
    if (const auto* value = e.OwnHeader(name)) record.headers.emplace_back(StrCat("x-oss-", name), *value);
  }
  if (const auto* tags = e.OwnHeader("tagging"); tags != nullptr && !tags->empty())
    record.headers.emplace_back(std::string(kTagsHeader), *tags);
  const std::string prefix = StrCat(e.dialect.prefix(), "meta-");
  size_t metadata_bytes = 0;
  for (const auto& [name, value] : e.http.headers) {
    const std::string lower = LowerCase(name);
    if (!lower.starts_with(prefix)) continue;
    record.metadata.emplace_back(lower.substr(prefix.size()), value);
    metadata_bytes += lower.size() + value.size();
    const bool plain = std::all_of(lower.begin(), lower.end(), [](char c) { return IsAlphanumeric(c) || c == '-'; });
    if (!e.dialect.s3 && (!plain || lower.size() == prefix.size())) {
      return InvalidArgument(
          StrCat("The metadata name ", lower, " has a character other than a-z, 0-9 and -."));
    }
  }
  if (metadata_bytes > kMetadataBytesMax) {
    return Fail(400, "InvalidArgument", "The user metadata is larger than 8 KB.");
  }
  auto storage_class = ReadStorageClass(e);
  if (!storage_class) return Failure(storage_class.error());
  record.storage_class = *storage_class;
  return {};
}

std::string TagsOf(const ObjectRecord& record) {
  const auto found = std::find_if(record.headers.begin(), record.headers.end(),
                                  [](const auto& header) { return header.first == kTagsHeader; });
  return found == record.headers.end() ? std::string() : found->second;
}

void AddObjectHeaders(const Exchange& e, const ObjectRecord& record, HttpResponse& response) {
  const std::string prefix = e.dialect.prefix();
  response.Add("Content-Type", record.content_type);
  response.Add("ETag", QuotedEtag(e, record.etag));
  response.Add("Last-Modified", oss::HttpDate(record.mtime_s));
  response.Add("Accept-Ranges", "bytes");
  for (const auto& [name, value] : record.headers) {
    if (name == kTagsHeader) {
      response.Add(prefix + "tagging-count", StrCat(Split(value, '&').size()));
      continue;
    }
    response.Add(name.starts_with("x-oss-") ? prefix + name.substr(6) : name, value);
  }
  for (const auto& [name, value] : record.metadata) response.Add(StrCat(prefix, "meta-", name), value);
  const std::string restore = RestoreHeader(record, std::time(nullptr));
  if (!restore.empty()) response.Add(prefix + "restore", restore);
  if (e.dialect.s3) {
    if (record.storage_class != "Standard")
      response.Add("x-amz-storage-class", S3ClassName(record.storage_class));
    return;
  }
  response.Add("x-oss-object-type", ObjectKindName(record.kind));
  response.Add("x-oss-storage-class", record.storage_class);
  response.Add("x-oss-hash-crc64ecma", StrCat(record.crc64));
  if (record.kind == ObjectKind::kNormal && IsMd5(record.etag))
    response.Add("Content-MD5", Md5OfEtag(record.etag));
  if (record.kind == ObjectKind::kAppendable) response.Add("x-oss-next-append-position", StrCat(record.size));
}

void AddUploadHeaders(const Exchange& e, const std::string& etag, std::optional<uint64_t> crc64,
                      HttpResponse& response) {
  response.Add("ETag", QuotedEtag(e, etag));
  if (crc64 && !e.dialect.s3) response.Add("x-oss-hash-crc64ecma", StrCat(*crc64));
}

std::string RestoreHeader(const ObjectRecord& record, int64_t now_s) {
  if (record.restore_ready_s == 0) return {};
  if (now_s < record.restore_ready_s) return "ongoing-request=\"true\"";
  if (now_s > record.restore_expiry_s) return {};
  return StrCat("ongoing-request=\"false\", expiry-date=\"", oss::HttpDate(record.restore_expiry_s), "\"");
}

}  // namespace ossfs2::server
