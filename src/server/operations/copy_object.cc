// CopyObject: shares the source's blobs, so its time does not depend on the size.
#include <ctime>

#include "base/values/str.h"
#include "oss/signing/encoding.h"
#include "server/exchange/xml.h"
#include "server/operations/conditions.h"
#include "server/operations/copy_source.h"
#include "server/operations/handlers.h"
#include "server/operations/limits.h"
#include "server/operations/object_headers.h"

namespace ossfs2::server {
namespace {

bool Replaces(const Exchange& e) {
  return EqualsIgnoringCase(e.OwnHeaderOr("metadata-directive", "COPY"), "REPLACE");
}

Reply<std::shared_ptr<ObjectRecord>> MakeCopy(const Exchange& e, const CopySource& source) {
  auto record = std::make_shared<ObjectRecord>(*source.record);
  // Every copy is encrypted as it asks itself, or else as the bucket has it.
  std::erase_if(record->headers,
                [](const auto& header) { return header.first.starts_with("x-oss-server-side-encryption"); });
  if (e.versioned && record->kind == ObjectKind::kAppendable) {
    return Fail(400, "OperationNotSupported", "An appendable object cannot be copied in a bucket with versioning.");
  }
  const bool onto_itself = source.bucket == e.bucket_name && source.key == e.key;
  ObjectRecord asked;
  if (auto good = ReadAttributes(e, asked); !good) return Failure(good.error());
  const std::string tags = EqualsIgnoringCase(e.OwnHeaderOr("tagging-directive", "Copy"), "Replace")
                               ? e.OwnHeaderOr("tagging", "")
                               : TagsOf(*source.record);
  const auto are_tags = [](const auto& header) { return header.first == kTagsHeader; };
  const bool replaces = Replaces(e) || (onto_itself && !e.dialect.s3);
  if (replaces) {
    record->content_type = asked.content_type;
    record->headers = asked.headers;
    record->metadata = asked.metadata;
  } else if (onto_itself && e.OwnHeader("storage-class") == nullptr) {
    return Fail(400, "InvalidRequest", "This copy request is illegal because it changes nothing.");
  }
  std::erase_if(record->headers, are_tags);
  if (!tags.empty()) record->headers.emplace_back(std::string(kTagsHeader), tags);
  for (const char* name : kEncryptionHeaders) {
    const auto* value = e.OwnHeader(name);
    if (value != nullptr && !replaces) record->headers.emplace_back(StrCat("x-oss-", name), *value);
  }
  if (e.OwnHeader("storage-class") != nullptr) record->storage_class = asked.storage_class;
  if (record->storage_class != source.record->storage_class && record->size > kClassChangeBytesMax) {
    return Fail(400, "EntityTooLarge",
                "A copy that changes the storage class is at most 1 GB; use part copies.");
  }
  if (source.bucket != e.bucket_name && record->size > kCopyBytesMax) {
    return Fail(400, "EntityTooLarge", "A copy between buckets is at most 5 GB; use part copies.");
  }
  if (record->kind == ObjectKind::kMultipart && !onto_itself) record->kind = ObjectKind::kNormal;
  if (record->kind == ObjectKind::kAppendable && !onto_itself) record->kind = ObjectKind::kNormal;
  record->mtime_s = std::time(nullptr);
  record->logged = true;
  record->restore_ready_s = 0;
  record->restore_expiry_s = 0;
  return record;
}

}  // namespace

Reply<HttpResponse> CopyObject(HandlerContext& context, Exchange& e) {
  const auto source = FindCopySource(context, e);
  if (!source) return Failure(source.error());
  auto record = MakeCopy(e, *source);
  if (!record) return Failure(record.error());
  if (context.copies_change_etag) (*record)->etag = oss::HexEncodeUpper(oss::Md5((*record)->etag));
  if (auto stored = PutUnlessRefused(e, *record); !stored) return Failure(stored.error());
  XmlWriter xml;
  xml.Open("CopyObjectResult");
  xml.Element("ETag", QuotedEtag(e, (*record)->etag));
  xml.Element("LastModified", oss::IsoDate((*record)->mtime_s));
  HttpResponse response = XmlAnswer(xml.Take());
  const auto crc64 = context.no_copy_crc ? std::nullopt : std::optional<uint64_t>((*record)->crc64);
  AddUploadHeaders(e, (*record)->etag, crc64, response);
  return response;
}

}  // namespace ossfs2::server
