#include "data/write/backup.h"

#include <charconv>
#include <cstdio>
#include <optional>
#include <utility>
#include <vector>

#include "base/str.h"
#include "data/upload/upload_geometry.h"
#include "data/write/private_names.h"
#include "oss/copy_options.h"

namespace ossfs2 {
namespace {

template <class T>
bool TakeNumber(std::string_view text, int base, T& out) {
  const auto result = std::from_chars(text.data(), text.data() + text.size(), out, base);
  return result.ec == std::errc() && result.ptr == text.data() + text.size();
}

// The text before the next `mark`, which goes too.
std::optional<std::string_view> TakeUntil(std::string_view& rest, char mark) {
  const size_t end = rest.find(mark);
  if (end == std::string_view::npos) return std::nullopt;
  const std::string_view piece = rest.substr(0, end);
  rest.remove_prefix(end + 1);
  return piece;
}

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

std::string MakeBackupKey(const BackupName& backup) {
  const std::string_view folder = FolderOf(backup.key);
  char crc[20] = "x";
  if (backup.crc64) snprintf(crc, sizeof(crc), "%llx", static_cast<unsigned long long>(*backup.crc64));
  const std::string start = PrivateKey(folder, StrCat(kBackupNameStart, std::string(1, static_cast<char>(backup.kind)),
                                                      "-", backup.size, "-", std::string_view(crc), "-"));
  const std::string whole = StrCat(start, "=", std::string_view(backup.key).substr(folder.size()));
  return whole.size() <= kKeyBytesMax ? whole : start;
}

std::optional<BackupName> ParseBackupKey(std::string_view key) {
  // A file's name has no '/', so the folder ends before the last one.
  const std::string_view folder = FolderOf(key);
  std::string_view rest = key.substr(folder.size());
  if (rest.substr(0, kBackupNameStart.size()) != kBackupNameStart) return std::nullopt;
  rest.remove_prefix(kBackupNameStart.size());
  BackupName backup;
  const auto kind = TakeUntil(rest, '-');
  const auto size = TakeUntil(rest, '-');
  const auto crc = TakeUntil(rest, '-');
  if (!kind || (*kind != "p" && *kind != "a") || !size || !TakeNumber(*size, 10, backup.size) || !crc) return BackupName{};
  backup.kind = static_cast<BackupKind>(kind->front());
  if (uint64_t value = 0; TakeNumber(*crc, 16, value)) backup.crc64 = value;
  if (TakeUntil(rest, '=') && !rest.empty()) backup.key = StrCat(folder, rest);
  return backup;
}

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
