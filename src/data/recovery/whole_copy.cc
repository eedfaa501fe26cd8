#include "data/recovery/whole_copy.h"

#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "data/upload/upload_geometry.h"
#include "oss/copy_options.h"

namespace ossfs2 {
namespace {

Result<WriteResult> CopyByParts(ObjectStore& store, const ObjectInfo& from, const std::string& to,
                                bool forbid_overwrite) {
  const Result<WriteOptions> options = oss::CopyOptionsOf(store, from);
  if (!options) return options.error();
  Result<std::string> upload = store.InitiateUpload(to, *options);
  if (!upload) return upload.error();
  std::vector<PartResult> parts;
  std::optional<Error> failed;
  for (const auto& [begin, end] : CopyRuns(0, from.size)) {
    Result<PartResult> part = store.CopyPart(to, *upload, static_cast<int>(parts.size()) + 1, from.key, from.etag,
                                             begin, end - begin);
    if (!part) {
      failed = part.error();
      break;
    }
    parts.push_back(std::move(*part));
  }
  if (!failed) {
    Result<WriteResult> done = store.CompleteUpload(to, *upload, parts, from.crc64, forbid_overwrite);
    if (done) return done;
    failed = done.error();
  }
  (void)store.AbortUpload(to, *upload);
  return *failed;
}

}  // namespace

Result<WriteResult> CopyWhole(ObjectStore& store, const std::string& from, const std::string& from_etag,
                              const std::string& to, bool forbid_overwrite) {
  CopyRequest request;
  request.source_key = from;
  request.source_etag = from_etag;
  request.target_key = to;
  request.forbid_overwrite = forbid_overwrite;
  std::optional<Result<ObjectInfo>> head;
  if (!store.HasOwnEncryption()) {
    head = store.Head(from);
    if (!*head) return head->error();
    request.encryption = (*head)->encryption;
  }
  Result<WriteResult> copied = store.Copy(request);
  if (copied || copied.error().kind != ErrorKind::kInvalid) return copied;
  const Result<ObjectInfo> info = head ? std::move(*head) : store.Head(from);
  if (!info) return info.error();
  if (info->size < (1ull << 30) || (!from_etag.empty() && info->etag != from_etag)) return copied;
  return CopyByParts(store, *info, to, forbid_overwrite);
}

}  // namespace ossfs2
