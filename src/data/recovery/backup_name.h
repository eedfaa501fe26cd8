// BackupName: what the name of a backup says, an object that holds the old version of a file while an unfinished one
// lies under its key (provisional.h).
//
// It says what the unfinished version is, so that `ossfs2 gc` can put things right without the journal:
//   <folder>.ossfs2-backup-<kind>-<size>-<crc64, hex, or x>-<id>=<name of the file>
// Without the last part, where the key would be too long, nobody but the journal knows the file.
// Pure functions but for the unique id of a new name; any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace ossfs2 {

enum class BackupKind : char {
  kProvisional = 'p',  // the unfinished version has that size and checksum
  kConverting = 'a',   // it is an Appendable object shorter than the backup
};

struct BackupName {
  BackupKind kind = BackupKind::kProvisional;
  uint64_t size = 0;
  std::optional<uint64_t> crc64;
  std::string key;  // of the file; empty: not known
};

// A key that no other process makes.
std::string MakeBackupKey(const BackupName& backup);
// Unset: not a backup of ours.
std::optional<BackupName> ParseBackupKey(std::string_view key);

}  // namespace ossfs2
