// GetObject, HeadObject and ?objectMeta.
#include <algorithm>
#include <charconv>
#include <ctime>
#include <optional>

#include "base/values/str.h"
#include "oss/signing/encoding.h"
#include "server/operations/conditions.h"
#include "server/operations/handlers.h"
#include "server/operations/object_headers.h"

namespace ossfs2::server {
namespace {

struct Range {
  uint64_t first = 0;
  uint64_t last = 0;  // included
};
enum class RangeKind { kWhole, kPart, kInvalid };

bool ParseNumber(std::string_view text, uint64_t& value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size() && !text.empty();
}

// The legacy rule (`standard` false) answers every range it does not like with the whole object.
RangeKind ParseRange(std::string_view text, uint64_t size, bool standard, Range& range) {
  if (!text.starts_with("bytes=")) return RangeKind::kWhole;
  text.remove_prefix(6);
  if (const size_t comma = text.find(','); comma != std::string_view::npos) {
    if (standard) return RangeKind::kInvalid;
    text = text.substr(0, comma);
  }
  text = TrimSpace(text);
  const size_t dash = text.find('-');
  if (dash == std::string_view::npos) return RangeKind::kWhole;
  const std::string_view first = text.substr(0, dash);
  const std::string_view last = text.substr(dash + 1);
  const RangeKind outside = standard ? RangeKind::kInvalid : RangeKind::kWhole;
  uint64_t number = 0;
  if (first.empty()) {  // the last `number` bytes
    if (!ParseNumber(last, number)) return RangeKind::kWhole;
    if (number == 0 || size == 0) return outside;
    if (number > size && !standard) return RangeKind::kWhole;
    range = {size - std::min(number, size), size - 1};
    return RangeKind::kPart;
  }
  if (!ParseNumber(first, range.first)) return RangeKind::kWhole;
  range.last = UINT64_MAX;
  if (!last.empty() && !ParseNumber(last, range.last)) return RangeKind::kWhole;
  if (range.last < range.first) return RangeKind::kWhole;
  if (range.first >= size) return outside;
  if (range.last >= size) {
    if (!standard && !last.empty()) return RangeKind::kWhole;
    range.last = size - 1;
  }
  return RangeKind::kPart;
}

// The record to serve, with symlinks followed one level: the answer shows the link's attributes with the
// target's content.
Reply<RecordPtr> FindServed(const Exchange& e) {
  const RecordPtr record = e.bucket->Find(e.key);
  if (record == nullptr) return NoSuchKey();
  if (record->kind != ObjectKind::kSymlink) return record;
  const RecordPtr target = e.bucket->Find(record->symlink_target);
  if (target == nullptr) {
    return Fail(404, "SymlinkTargetNotExist", "The symlink target object does not exist.");
  }
  if (target->kind == ObjectKind::kSymlink) {
    return Fail(400, "InvalidTargetType", "The symbolic link points to another symbolic link.");
  }
  auto served = std::make_shared<ObjectRecord>(*record);
  served->size = target->size;
  served->etag = target->etag;
  served->crc64 = target->crc64;
  served->extents = target->extents;
  served->storage_class = target->storage_class;
  served->restore_ready_s = target->restore_ready_s;
  served->restore_expiry_s = target->restore_expiry_s;
  served->mtime_s = std::max(record->mtime_s, target->mtime_s);
  return RecordPtr(served);
}

void OverrideHeader(HttpResponse& response, const char* name, const std::string& value) {
  for (auto& header : response.headers) {
    if (EqualsIgnoringCase(header.first, name)) {
      header.second = value;
      return;
    }
  }
  response.Add(name, value);
}

void ApplyOverrides(const Exchange& e, HttpResponse& response) {
  static constexpr const char* kNames[][2] = {{"response-content-type", "Content-Type"},
                                              {"response-content-language", "Content-Language"},
                                              {"response-expires", "Expires"},
                                              {"response-cache-control", "Cache-Control"},
                                              {"response-content-disposition", "Content-Disposition"},
                                              {"response-content-encoding", "Content-Encoding"}};
  for (const auto& [parameter, header] : kNames) {
    if (const std::string* value = e.Query(parameter)) OverrideHeader(response, header, *value);
  }
}

HttpResponse ObjectMeta(const Exchange& e, const ObjectRecord& record) {
  HttpResponse response;
  response.Add("ETag", QuotedEtag(e, record.etag));
  response.Add("Last-Modified", oss::HttpDate(record.mtime_s));
  response.Add("x-oss-object-type", ObjectKindName(record.kind));
  response.Add("x-oss-hash-crc64ecma", StrCat(record.crc64));
  response.content_length = record.size;
  return response;
}

bool AnyDiscarded(const std::vector<Extent>& extents) {
  return std::any_of(extents.begin(), extents.end(),
                     [](const Extent& extent) { return extent.blob->kind() == BlobKind::kDiscarded; });
}

}  // namespace

Reply<HttpResponse> HeadObject(HandlerContext&, Exchange& e) {
  if (e.HasQuery("objectMeta")) {
    const RecordPtr record = e.bucket->Find(e.key);
    if (record == nullptr) return NoSuchKey();
    if (auto good = CheckConditions(e, *record, false); !good) return Failure(good.error());
    return ObjectMeta(e, *record);
  }
  const auto record = FindServed(e);
  if (!record) return Failure(record.error());
  if (auto good = CheckConditions(e, **record, false); !good) return Failure(good.error());
  HttpResponse response;
  AddObjectHeaders(e, **record, response);
  response.content_length = (*record)->size;
  return response;
}

Reply<HttpResponse> GetObject(HandlerContext& context, Exchange& e) {
  if (e.HasQuery("objectMeta")) return HeadObject(context, e);
  const auto found = FindServed(e);
  if (!found) return Failure(found.error());
  const ObjectRecord& record = **found;
  if (auto good = CheckConditions(e, record, false); !good) return Failure(good.error());
  if (auto good = CheckReadable(record, std::time(nullptr)); !good) return Failure(good.error());
  if (AnyDiscarded(record.extents)) {
    return Fail(404, "NoSuchKey", "This object's bytes were not kept: the server runs with --discard.");
  }
  HttpResponse response;
  AddObjectHeaders(e, record, response);
  ApplyOverrides(e, response);
  Range range{0, record.size == 0 ? 0 : record.size - 1};
  const bool standard = e.dialect.s3 || e.OwnHeaderOr("range-behavior", "") == "standard";
  const std::string* asked = e.ignore_range ? nullptr : e.http.Header("Range");
  const RangeKind kind =
      asked == nullptr ? RangeKind::kWhole : ParseRange(*asked, record.size, standard, range);
  if (kind == RangeKind::kInvalid) {
    auto failure = Fail(416, "InvalidRange", "The requested range cannot be satisfied.");
    failure.value().headers = {{"Content-Range", StrCat("bytes */", record.size)}};
    failure.value().elements = {{"ActualObjectSize", StrCat(record.size)}, {"RangeRequested", *asked}};
    return failure;
  }
  if (kind == RangeKind::kPart) {
    response.status = 206;
    response.Add("Content-Range", StrCat("bytes ", range.first, "-", range.last, "/", record.size));
    response.extents_bytes = range.last - range.first + 1;
    response.extents = SliceExtents(record.extents, range.first, response.extents_bytes);
  } else {
    response.extents_bytes = record.size;
    response.extents = record.extents;
  }
  context.stats.get_bytes_asked.fetch_add(response.extents_bytes, std::memory_order_relaxed);
  response.sent_counter = &context.stats.get_bytes;
  return response;
}

}  // namespace ossfs2::server
