// The five calls of a multipart upload that change something. Complete makes a list of the parts' extents.
#include <openssl/rand.h>

#include <charconv>
#include <ctime>

#include "base/values/crc64.h"
#include "base/values/str.h"
#include "oss/signing/encoding.h"
#include "server/exchange/xml.h"
#include "server/operations/conditions.h"
#include "server/operations/copy_source.h"
#include "server/operations/handlers.h"
#include "server/operations/limits.h"
#include "server/operations/object_headers.h"
#include "server/operations/upload_body.h"

namespace ossfs2::server {
namespace {

std::string NewUploadId() {
  unsigned char bytes[16];
  RAND_bytes(bytes, sizeof(bytes));
  return oss::HexEncodeUpper(std::string_view(reinterpret_cast<char*>(bytes), sizeof(bytes)));
}

Reply<int> PartNumber(const Exchange& e) {
  const std::string text = e.QueryOr("partNumber", "");
  int number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size() || number < 1 || number > kPartsMax) {
    return InvalidArgument("Part number must be an integer between 1 and 10000, inclusive");
  }
  return number;
}

Reply<void> StorePart(const Exchange& e, int number, PartRecord part) {
  const auto stored = e.bucket->PutPart(e.key, e.QueryOr("uploadId", ""), number, std::move(part));
  if (!stored) return Internal(stored.error());
  if (!*stored) return NoSuchUpload();
  return {};
}

// "bytes=a-b" of a copy source. A range outside the source means the whole in OSS, an error in S3.
Reply<std::vector<Extent>> SourceRange(const Exchange& e, const ObjectRecord& source, uint64_t& size) {
  const std::string* text = e.OwnHeader("copy-source-range");
  size = source.size;
  if (text == nullptr) return source.extents;
  uint64_t first = 0;
  uint64_t last = 0;
  const char* end = text->data() + text->size();
  const char* start = text->data() + (text->starts_with("bytes=") ? 6 : 0);
  const auto one = std::from_chars(start, end, first);
  const bool dash = one.ec == std::errc() && one.ptr != end && *one.ptr == '-';
  const auto two = dash ? std::from_chars(one.ptr + 1, end, last) : one;
  if (!dash || two.ec != std::errc() || two.ptr != end || last < first) {
    return InvalidArgument(StrCat("The copy source range ", *text, " is not bytes=first-last."));
  }
  if (last >= source.size) {
    if (e.dialect.s3) return Fail(416, "InvalidRange", "The requested copy source range is not satisfiable.");
    return source.extents;
  }
  size = last - first + 1;
  return SliceExtents(source.extents, first, size);
}

using AskedParts = std::vector<std::pair<int, std::string>>;

Reply<AskedParts> ReadAskedParts(Exchange& e, const UploadRecord& upload) {
  AskedParts asked;
  const auto text = ReceiveText(e, kXmlBytesMax, "MalformedXML");
  if (!text) return Failure(text.error());
  if (EqualsIgnoringCase(e.OwnHeaderOr("complete-all", ""), "yes")) {
    if (!text->empty()) return InvalidArgument("x-oss-complete-all excludes a list of parts.");
    for (const auto& [number, part] : upload.parts) asked.emplace_back(number, part->etag);
    return asked;
  }
  auto parsed = ParseCompleteRequest(*text);
  if (!parsed || parsed->empty())
    return Fail(400, "MalformedXML", "The XML you provided was not well-formed.");
  return std::move(*parsed);
}

// The object that the asked parts make.
Reply<std::shared_ptr<ObjectRecord>> Assemble(const AskedParts& asked, const UploadRecord& upload) {
  auto record = std::make_shared<ObjectRecord>(upload.attributes);
  record->kind = ObjectKind::kMultipart;
  record->mtime_s = std::time(nullptr);
  std::string etags;
  for (size_t i = 1; i < asked.size(); ++i) {
    if (asked[i].first <= asked[i - 1].first) {
      return Fail(400, "InvalidPartOrder", "The list of parts was not in ascending order.");
    }
  }
  for (size_t i = 0; i < asked.size(); ++i) {
    const auto& [number, etag] = asked[i];
    const auto found = upload.parts.find(number);
    if (found == upload.parts.end() || !EqualsIgnoringCase(found->second->etag, etag)) {
      return Fail(400, "InvalidPart",
                  StrCat("Part ", number, " was not uploaded, or its ETag is another one."));
    }
    const PartRecord& part = *found->second;
    if (part.size < kPartBytesMin && i + 1 < asked.size()) {
      return Fail(400, "EntityTooSmall",
                  StrCat("Part ", number, " is smaller than the minimum allowed size."));
    }
    record->size += part.size;
    record->crc64 = Crc64Combine(record->crc64, part.crc64, part.size);
    record->extents.insert(record->extents.end(), part.extents.begin(), part.extents.end());
    etags += part.etag;
  }
  if (record->size > kObjectBytesMax)
    return Fail(400, "EntityTooLarge", "The object is larger than 48.8 TB.");
  record->etag = StrCat(oss::HexEncodeUpper(oss::Md5(etags)), "-", asked.size());
  return record;
}

}  // namespace

Reply<HttpResponse> InitiateUpload(HandlerContext&, Exchange& e) {
  UploadRecord upload;
  upload.key = e.key;
  upload.initiated_s = std::time(nullptr);
  if (auto good = ReadAttributes(e, upload.attributes); !good) return Failure(good.error());
  if (auto good = CheckOverwrite(e, e.bucket->Find(e.key).get()); !good) return Failure(good.error());
  const std::string id = NewUploadId();
  if (auto added = e.bucket->AddUpload(id, std::move(upload)); !added) return Internal(added.error());
  const bool encoded = e.QueryOr("encoding-type", "") == "url";
  XmlWriter xml;
  xml.Open("InitiateMultipartUploadResult");
  if (encoded) xml.Element("EncodingType", "url");
  xml.Element("Bucket", e.bucket_name);
  xml.Element("Key", encoded ? oss::PercentEncodePath(e.key) : e.key);
  xml.Element("UploadId", id);
  return XmlAnswer(xml.Take());
}

Reply<HttpResponse> UploadPart(HandlerContext& context, Exchange& e) {
  const auto number = PartNumber(e);
  if (!number) return Failure(number.error());
  if (!e.bucket->HasUpload(e.key, e.QueryOr("uploadId", ""))) return NoSuchUpload();
  auto received = ReceiveBody(context, e);
  if (!received) return Failure(received.error());
  PartRecord part{received->size, received->crc64, received->etag, std::time(nullptr),
                  std::move(received->extents)};
  if (auto stored = StorePart(e, *number, std::move(part)); !stored) return Failure(stored.error());
  HttpResponse response;
  AddUploadHeaders(e, received->etag, received->crc64, response);
  if (!received->content_md5.empty()) response.Add("Content-MD5", received->content_md5);
  return response;
}

Reply<HttpResponse> CopyPart(HandlerContext& context, Exchange& e) {
  const auto number = PartNumber(e);
  if (!number) return Failure(number.error());
  if (!e.bucket->HasUpload(e.key, e.QueryOr("uploadId", ""))) return NoSuchUpload();
  const auto source = FindCopySource(context, e);
  if (!source) return Failure(source.error());
  PartRecord part;
  auto extents = SourceRange(e, *source->record, part.size);
  if (!extents) return Failure(extents.error());
  const auto crc = CompleteCrcs(*extents);
  if (!crc) return Internal(crc.error());
  part.extents = std::move(*extents);
  part.crc64 = *crc;
  part.etag = OpaqueEtag(part.crc64, part.size);
  part.mtime_s = std::time(nullptr);
  const std::string etag = part.etag;
  const int64_t mtime_s = part.mtime_s;
  if (auto stored = StorePart(e, *number, std::move(part)); !stored) return Failure(stored.error());
  XmlWriter xml;
  xml.Open("CopyPartResult");
  xml.Element("LastModified", oss::IsoDate(mtime_s));
  xml.Element("ETag", QuotedEtag(e, etag));
  HttpResponse response = XmlAnswer(xml.Take());
  AddUploadHeaders(e, etag, std::nullopt, response);  // the service tells no CRC64 of copied parts
  return response;
}

Reply<HttpResponse> CompleteUpload(HandlerContext&, Exchange& e) {
  const std::string id = e.QueryOr("uploadId", "");
  const auto upload = e.bucket->FindUpload(e.key, id);
  if (!upload) return NoSuchUpload();
  const auto asked = ReadAskedParts(e, *upload);
  if (!asked) return Failure(asked.error());
  const auto record = Assemble(*asked, *upload);
  if (!record) return Failure(record.error());
  Reply<void> allowed;
  const auto put = e.bucket->Complete(e.key, id, [&](const RecordPtr& present) -> RecordPtr {
    allowed = CheckOverwrite(e, present.get());
    return allowed ? *record : nullptr;
  });
  if (!put) {
    if (put.error().kind == ErrorKind::kNotFound) return NoSuchUpload();
    return Internal(put.error());
  }
  if (!*put) return Failure(allowed.error());
  const bool encoded = e.QueryOr("encoding-type", "") == "url";
  XmlWriter xml;
  xml.Open("CompleteMultipartUploadResult");
  if (encoded) xml.Element("EncodingType", "url");
  xml.Element("Location",
              StrCat("http://", e.http.HeaderOr("Host", ""), "/", oss::PercentEncodePath(e.key)));
  xml.Element("Bucket", e.bucket_name);
  xml.Element("Key", encoded ? oss::PercentEncodePath(e.key) : e.key);
  xml.Element("ETag", QuotedEtag(e, (*record)->etag));
  HttpResponse response = XmlAnswer(xml.Take());
  AddUploadHeaders(e, (*record)->etag, (*record)->crc64, response);
  return response;
}

Reply<HttpResponse> AbortUpload(HandlerContext&, Exchange& e) {
  const auto ended = e.bucket->Abort(e.key, e.QueryOr("uploadId", ""));
  if (!ended) return Internal(ended.error());
  if (!*ended) return NoSuchUpload();
  HttpResponse response;
  response.status = 204;
  return response;
}

}  // namespace ossfs2::server
