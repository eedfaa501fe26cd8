// PutObject and AppendObject.
#include <charconv>
#include <ctime>

#include "base/values/crc64.h"
#include "base/values/str.h"
#include "server/operations/conditions.h"
#include "server/operations/handlers.h"
#include "server/operations/limits.h"
#include "server/operations/object_headers.h"
#include "server/operations/upload_body.h"

namespace ossfs2::server {
namespace {

Reply<void> RefuseConditions(const Exchange& e) {
  if (e.dialect.s3) return {};
  for (const char* name : {"If-Match", "If-None-Match", "If-Modified-Since", "If-Unmodified-Since"}) {
    if (e.http.Header(name) != nullptr) {
      return Fail(400, "NotImplemented",
                  StrCat("A header you provided implies functionality that is not implemented: ", name));
    }
  }
  return {};
}

Failure PositionNotEqualToLength(uint64_t length) {
  auto failure = Fail(409, "PositionNotEqualToLength", "Position is not equal to file length");
  failure.value().headers = {{"x-oss-next-append-position", StrCat(length)}};
  return failure;
}

// Whether the append may go on top of the present object.
Reply<void> CheckAppend(const ObjectRecord* present, uint64_t position) {
  if (present != nullptr && present->kind != ObjectKind::kAppendable) {
    return Fail(409, "ObjectNotAppendable", "The object is not appendable");
  }
  const uint64_t length = present == nullptr ? 0 : present->size;
  if (position != length) return PositionNotEqualToLength(length);
  return {};
}

// What the service does not take for an appendable object.
Reply<void> CheckAppendAttributes(const Exchange& e, const ObjectRecord& first) {
  if (e.OwnHeader("server-side-encryption-key-id") != nullptr)
    return InvalidArgument("AppendObject takes no x-oss-server-side-encryption-key-id.");
  if (!first.storage_class.ends_with("ColdArchive")) return {};
  auto failure = Fail(400, "OperationNotSupported", "The storage class does not support AppendObject.");
  failure.value().headers = {{"x-oss-ec", "0016-00000503"}};
  return failure;
}

RecordPtr Appended(const ObjectRecord* present, const ObjectRecord& first, const ReceivedBody& received) {
  auto record = std::make_shared<ObjectRecord>(present == nullptr ? first : *present);
  record->kind = ObjectKind::kAppendable;
  record->mtime_s = std::time(nullptr);
  record->size += received.size;
  record->crc64 = Crc64Combine(record->crc64, received.crc64, received.size);
  record->etag = OpaqueEtag(record->crc64, record->size);
  for (const Extent& added : received.extents) {
    Extent* last = record->extents.empty() ? nullptr : &record->extents.back();
    if (last != nullptr && last->blob == added.blob && last->offset + last->size == added.offset) {
      last->crc64 = Crc64Combine(last->crc64, added.crc64, added.size);
      last->size += added.size;
    } else {
      record->extents.push_back(added);
    }
  }
  return record;
}

HttpResponse AppendAnswer(const Exchange& e, const ObjectRecord& record) {
  HttpResponse response;
  AddUploadHeaders(e, record.etag, record.crc64, response);
  response.Add("x-oss-next-append-position", StrCat(record.size));
  return response;
}

}  // namespace

Reply<HttpResponse> PutObject(HandlerContext& context, Exchange& e) {
  if (auto good = RefuseConditions(e); !good) return Failure(good.error());
  auto record = std::make_shared<ObjectRecord>();
  if (auto good = ReadAttributes(e, *record); !good) return Failure(good.error());
  // Early, so that a client learns it before it sends the body; and again when the body is there.
  if (auto good = CheckOverwrite(e, e.bucket->Find(e.key).get()); !good) return Failure(good.error());
  auto received = ReceiveBody(context, e);
  if (!received) return Failure(received.error());
  record->size = received->size;
  record->crc64 = received->crc64;
  record->etag = received->etag;
  record->extents = std::move(received->extents);
  record->mtime_s = std::time(nullptr);
  if (auto stored = PutUnlessRefused(e, record); !stored) return Failure(stored.error());
  HttpResponse response;
  AddUploadHeaders(e, record->etag, record->crc64, response);
  if (!received->content_md5.empty()) response.Add("Content-MD5", received->content_md5);
  return response;
}

Reply<HttpResponse> AppendObject(HandlerContext& context, Exchange& e) {
  const std::string* text = e.Query("position");
  if (text == nullptr) return Fail(400, "MissingArgument", "The position argument is missing.");
  uint64_t position = 0;
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), position);
  if (error != std::errc() || end != text->data() + text->size())
    return InvalidArgument("The position is no number.");
  ObjectRecord first;
  if (auto good = ReadAttributes(e, first); !good) return Failure(good.error());
  if (auto good = CheckAppendAttributes(e, first); !good) return Failure(good.error());
  const RecordPtr before = e.bucket->Find(e.key);
  if (auto good = CheckAppend(before.get(), position); !good) return Failure(good.error());
  const bool has_tail = before != nullptr && !before->extents.empty();
  const auto received = ReceiveBody(context, e, has_tail ? &before->extents.back() : nullptr);
  if (!received) return Failure(received.error());
  if (position + received->size > kPutBytesMax)
    return InvalidArgument("An appendable object is at most 5 GB.");
  if (before != nullptr && received->size == 0) return AppendAnswer(e, *before);
  Reply<void> allowed;
  RecordPtr made;
  const auto put = e.bucket->Put(e.key, [&](const RecordPtr& present) -> RecordPtr {
    allowed = CheckAppend(present.get(), position);
    // The same length is not enough: the tail that was continued must still be the object's.
    if (allowed && present != before)
      allowed = PositionNotEqualToLength(present == nullptr ? 0 : present->size);
    if (!allowed) return nullptr;
    made = Appended(present.get(), first, *received);
    return made;
  });
  if (!put) return Internal(put.error());
  if (!*put) return Failure(allowed.error());
  return AppendAnswer(e, *made);
}

}  // namespace ossfs2::server
