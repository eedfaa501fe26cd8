#include "server/operations/conditions.h"

#include <ctime>

#include "base/values/str.h"
#include "oss/signing/encoding.h"
#include "server/exchange/xml.h"
#include "server/operations/object_headers.h"

namespace ossfs2::server {
namespace {

bool MatchesEtag(std::string_view list, const std::string& etag) {
  while (!list.empty()) {
    const size_t comma = list.find(',');
    const std::string one = BareEtag(TrimSpace(list.substr(0, comma)));
    if (one == "*" || EqualsIgnoringCase(one, etag)) return true;
    list.remove_prefix(comma == std::string_view::npos ? list.size() : comma + 1);
  }
  return false;
}

Failure NotModified(bool copy) {
  return Fail(304, "", copy ? "The source was not modified." : "The object was not modified.");
}

}  // namespace

Reply<void> CheckConditions(const Exchange& e, const ObjectRecord& record, bool copy) {
  const std::string prefix = copy ? StrCat(e.dialect.prefix(), "copy-source-if-") : "If-";
  const std::string* match = e.http.Header(prefix + "match");
  const std::string* none_match = e.http.Header(prefix + "none-match");
  if (match != nullptr && !MatchesEtag(*match, record.etag)) return PreconditionFailed(prefix + "match");
  if (none_match != nullptr && MatchesEtag(*none_match, record.etag)) return NotModified(copy);
  const auto date = [&](const char* name) -> std::optional<int64_t> {
    const std::string* value = e.http.Header(prefix + name);
    return value == nullptr ? std::nullopt : oss::ParseHttpDate(*value);
  };
  const auto unmodified = date("unmodified-since");
  if (unmodified && match == nullptr && record.mtime_s > *unmodified) {
    return PreconditionFailed(prefix + "unmodified-since");
  }
  const auto modified = date("modified-since");
  if (modified && none_match == nullptr && record.mtime_s <= *modified) return NotModified(copy);
  return {};
}

Reply<void> CheckOverwrite(const Exchange& e, const ObjectRecord* present) {
  if (!e.dialect.s3) {
    const bool forbids = EqualsIgnoringCase(e.OwnHeaderOr("forbid-overwrite", ""), "true");
    if (!forbids || present == nullptr || e.versioned) return {};
    return Fail(409, "FileAlreadyExists",
                "The object you specified already exists and can not be overwritten.");
  }
  const std::string* none_match = e.http.Header("If-None-Match");
  if (none_match != nullptr && present != nullptr && MatchesEtag(*none_match, present->etag)) {
    return PreconditionFailed("If-None-Match");
  }
  const std::string* match = e.http.Header("If-Match");
  if (match == nullptr) return {};
  if (present == nullptr) return NoSuchKey();
  if (!MatchesEtag(*match, present->etag)) return PreconditionFailed("If-Match");
  return {};
}

Reply<void> PutUnlessRefused(const Exchange& e, RecordPtr record) {
  Reply<void> allowed;
  const auto put = e.bucket->Put(e.key, [&](const RecordPtr& present) -> RecordPtr {
    allowed = CheckOverwrite(e, present.get());
    return allowed ? record : nullptr;
  });
  if (!put) return Internal(put.error());
  if (!*put) return Failure(allowed.error());
  return {};
}

Reply<void> CheckReadable(const ObjectRecord& record, int64_t now_s) {
  if (!IsArchive(record.storage_class)) return {};
  const bool restored =
      record.restore_ready_s != 0 && now_s >= record.restore_ready_s && now_s <= record.restore_expiry_s;
  if (restored) return {};
  auto failure = Fail(403, "InvalidObjectState", "The operation is not valid for the object's state");
  failure.value().elements = {{"EC", "0016-00000404"}};
  failure.value().headers = {{"x-oss-ec", "0016-00000404"}};
  return failure;
}

}  // namespace ossfs2::server
