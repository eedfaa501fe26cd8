// ListParts and ListMultipartUploads.
#include <algorithm>
#include <cstdlib>
#include <set>

#include "base/values/str.h"
#include "oss/signing/encoding.h"
#include "server/exchange/xml.h"
#include "server/operations/handlers.h"
#include "server/operations/object_headers.h"

namespace ossfs2::server {
namespace {

// 1..1000; a missing one is `fallback`.
Reply<int> PageSize(const Exchange& e, const char* name, int fallback) {
  const std::string* text = e.Query(name);
  if (text == nullptr || text->empty()) return fallback;
  char* end = nullptr;
  const long value = std::strtol(text->c_str(), &end, 10);
  if (*end != 0 || value < 1) return InvalidArgument(StrCat(name, " must be 1 to 1000."));
  return static_cast<int>(std::min(value, 1000l));
}

std::string Encoded(const Exchange& e, const std::string& text) {
  return e.QueryOr("encoding-type", "") == "url" ? oss::PercentEncodePath(text) : text;
}

void AddUpload(const Exchange& e, const ListedUpload& upload, XmlWriter& xml) {
  xml.Open("Upload");
  xml.Element("Key", Encoded(e, upload.key));
  xml.Element("UploadId", upload.upload_id);
  xml.Element("StorageClass", e.dialect.s3 ? "STANDARD" : upload.storage_class);
  xml.Element("Initiated", oss::IsoDate(upload.initiated_s));
  xml.Close();
}

}  // namespace

Reply<HttpResponse> ListParts(HandlerContext& context, Exchange& e) {
  const std::string id = e.QueryOr("uploadId", "");
  const auto upload = e.bucket->FindUpload(e.key, id);
  if (!upload) return NoSuchUpload();
  const auto max = PageSize(e, "max-parts", 1000);
  if (!max) return Failure(max.error());
  const int page = std::min(*max, context.page_entries_max.load());
  const int marker = std::atoi(e.QueryOr("part-number-marker", "0").c_str());
  auto at = upload->parts.upper_bound(marker);
  int count = 0;
  int last = 0;
  XmlWriter xml;
  xml.Open("ListPartsResult");
  if (e.QueryOr("encoding-type", "") == "url") xml.Element("EncodingType", "url");
  xml.Element("Bucket", e.bucket_name);
  xml.Element("Key", Encoded(e, e.key));
  xml.Element("UploadId", id);
  xml.Element("StorageClass", e.dialect.s3 ? "STANDARD" : upload->attributes.storage_class);
  xml.Number("PartNumberMarker", static_cast<uint64_t>(std::max(marker, 0)));
  xml.Number("MaxParts", static_cast<uint64_t>(*max));
  for (; at != upload->parts.end() && count < page; ++at, ++count) {
    last = at->first;
    xml.Open("Part");
    xml.Number("PartNumber", static_cast<uint64_t>(at->first));
    xml.Element("LastModified", oss::IsoDate(at->second->mtime_s));
    xml.Element("ETag", QuotedEtag(e, at->second->etag));
    if (!e.dialect.s3) xml.Number("HashCrc64ecma", at->second->crc64);
    xml.Number("Size", at->second->size);
    xml.Close();
  }
  xml.Number("NextPartNumberMarker", static_cast<uint64_t>(last));
  xml.Flag("IsTruncated", at != upload->parts.end());
  return XmlAnswer(xml.Take());
}

Reply<HttpResponse> ListUploads(HandlerContext& context, Exchange& e) {
  const auto max = PageSize(e, "max-uploads", 1000);
  if (!max) return Failure(max.error());
  const int page = std::min(*max, context.page_entries_max.load());
  const std::string prefix = e.QueryOr("prefix", "");
  const std::string delimiter = e.QueryOr("delimiter", "");
  const std::string key_marker = e.QueryOr("key-marker", "");
  const std::string id_marker = e.QueryOr("upload-id-marker", "");
  std::vector<ListedUpload> shown;
  std::set<std::string> groups;
  bool truncated = false;
  for (ListedUpload& upload : e.bucket->Uploads()) {
    const bool behind = id_marker.empty() ? upload.key > key_marker
                                          : upload.key > key_marker ||
                                                (upload.key == key_marker && upload.upload_id > id_marker);
    if (!upload.key.starts_with(prefix) || (!key_marker.empty() && !behind)) continue;
    const size_t at = delimiter.empty() ? std::string::npos : upload.key.find(delimiter, prefix.size());
    const std::string group = at == std::string::npos ? "" : upload.key.substr(0, at + delimiter.size());
    if (!group.empty() && (groups.contains(group) || group == key_marker)) continue;
    if (static_cast<int>(shown.size() + groups.size()) >= page) {
      truncated = true;
      break;
    }
    if (group.empty()) {
      shown.push_back(std::move(upload));
    } else {
      groups.insert(group);
    }
  }
  XmlWriter xml;
  xml.Open("ListMultipartUploadsResult");
  if (e.QueryOr("encoding-type", "") == "url") xml.Element("EncodingType", "url");
  xml.Element("Bucket", e.bucket_name);
  xml.Element("KeyMarker", Encoded(e, key_marker));
  xml.Element("UploadIdMarker", id_marker);
  if (truncated) {
    const bool group_last = !groups.empty() && (shown.empty() || *groups.rbegin() > shown.back().key);
    xml.Element("NextKeyMarker", Encoded(e, group_last ? *groups.rbegin() : shown.back().key));
    xml.Element("NextUploadIdMarker", group_last ? "" : shown.back().upload_id);
  } else {
    xml.Element("NextKeyMarker", "");
    xml.Element("NextUploadIdMarker", "");
  }
  xml.Element("Delimiter", Encoded(e, delimiter));
  xml.Element("Prefix", Encoded(e, prefix));
  xml.Number("MaxUploads", static_cast<uint64_t>(*max));
  xml.Flag("IsTruncated", truncated);
  for (const ListedUpload& upload : shown) AddUpload(e, upload, xml);
  for (const std::string& group : groups) {
    xml.Open("CommonPrefixes");
    xml.Element("Prefix", Encoded(e, group));
    xml.Close();
  }
  return XmlAnswer(xml.Take());
}

}  // namespace ossfs2::server
