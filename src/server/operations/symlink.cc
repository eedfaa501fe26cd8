// PutSymlink, GetSymlink, RestoreObject.
#include <ctime>

#include "base/values/crc64.h"
#include "base/values/str.h"
#include "oss/signing/encoding.h"
#include "server/exchange/xml.h"
#include "server/operations/conditions.h"
#include "server/operations/handlers.h"
#include "server/operations/limits.h"
#include "server/operations/object_headers.h"
#include "server/operations/upload_body.h"

namespace ossfs2::server {

Reply<HttpResponse> PutSymlink(HandlerContext&, Exchange& e) {
  const std::string* target = e.OwnHeader("symlink-target");
  if (target == nullptr || target->empty())
    return Fail(400, "MissingArgument", "x-oss-symlink-target is missing.");
  auto record = std::make_shared<ObjectRecord>();
  if (auto good = ReadAttributes(e, *record); !good) return Failure(good.error());
  record->kind = ObjectKind::kSymlink;
  record->symlink_target = oss::PercentDecode(*target);
  if (record->symlink_target.size() > kKeyBytesMax) return InvalidArgument("The symlink target is too long.");
  record->size = record->symlink_target.size();
  record->crc64 = Crc64(0, record->symlink_target.data(), record->size);
  record->etag = oss::HexEncodeUpper(oss::Md5(record->symlink_target));
  record->mtime_s = std::time(nullptr);
  if (auto stored = PutUnlessRefused(e, record); !stored) return Failure(stored.error());
  HttpResponse response;
  response.Add("ETag", QuotedEtag(e, record->etag));
  return response;
}

Reply<HttpResponse> GetSymlink(HandlerContext&, Exchange& e) {
  const RecordPtr record = e.bucket->Find(e.key);
  if (record == nullptr) return NoSuchKey();
  if (record->kind != ObjectKind::kSymlink) return Fail(400, "NotSymlink", "The object is not a symlink.");
  HttpResponse response;
  response.Add("x-oss-symlink-target", oss::PercentEncodePath(record->symlink_target));
  response.Add("ETag", QuotedEtag(e, record->etag));
  response.Add("Last-Modified", oss::HttpDate(record->mtime_s));
  for (const auto& [name, value] : record->metadata) response.Add(StrCat("x-oss-meta-", name), value);
  return response;
}

Reply<HttpResponse> RestoreObject(HandlerContext& context, Exchange& e) {
  const auto text = ReceiveText(e, kXmlBytesMax, "MalformedXML");
  if (!text) return Failure(text.error());
  const auto days = ParseRestoreRequest(*text);
  if (!days) return Fail(400, "MalformedXML", "The XML you provided was not well-formed.");
  const int64_t now_s = std::time(nullptr);
  Reply<int> status = 202;
  const auto put = e.bucket->Put(e.key, [&](const RecordPtr& present) -> RecordPtr {
    if (present == nullptr) {
      status = NoSuchKey();
      return nullptr;
    }
    if (!IsArchive(present->storage_class)) {
      status = Fail(400, "OperationNotSupported", "The operation is not supported for this resource");
      return nullptr;
    }
    if (present->restore_ready_s > now_s) {
      status = Fail(409, "RestoreAlreadyInProgress", "The restore operation is in progress.");
      return nullptr;
    }
    auto record = std::make_shared<ObjectRecord>(*present);
    const bool restored = present->restore_ready_s != 0 && present->restore_expiry_s >= now_s;
    if (restored) {
      status = 200;
    } else {
      record->restore_ready_s = now_s + context.restore_seconds;
    }
    record->restore_expiry_s = now_s + context.restore_seconds + *days * 86400;
    return record;
  });
  if (!put) return Internal(put.error());
  if (!status) return Failure(status.error());
  HttpResponse response;
  response.status = *status;
  return response;
}

}  // namespace ossfs2::server
