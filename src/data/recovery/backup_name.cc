#include "data/recovery/backup_name.h"

#include <charconv>
#include <cstdio>

#include "base/values/str.h"
#include "data/recovery/private_names.h"
#include "ossfs2/object_store.h"

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
  const bool known_kind = kind && (*kind == "p" || *kind == "a");
  if (!known_kind || !size || !TakeNumber(*size, 10, backup.size) || !crc) return BackupName{};
  backup.kind = static_cast<BackupKind>(kind->front());
  if (uint64_t value = 0; TakeNumber(*crc, 16, value)) backup.crc64 = value;
  if (TakeUntil(rest, '=') && !rest.empty()) backup.key = StrCat(folder, rest);
  return backup;
}

}  // namespace ossfs2
