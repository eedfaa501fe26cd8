// JournalEntry: what one file of the journal says, and its text (docs/formats.md, "Upload journal").
//
// Pure values and functions.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ossfs2/status.h"

namespace ossfs2 {

enum class JournalKind : uint8_t {
  kUpload,       // a multipart upload that is open, or is being opened (no id yet)
  kProvisional,  // the key holds, or may hold, an unfinished file in place of the old version
  kRename,       // the key is, or is about to be, a copy of another one, which is then deleted
};

struct JournalEntry {
  JournalKind kind = JournalKind::kUpload;
  std::string key;
  int64_t started_s = 0;
  std::string upload_id;  // kUpload: ours; kProvisional: the one that is about to be completed

  // kProvisional only.
  std::string backup_key;                       // where the old version is; empty: there was none
  std::string backup_etag;                      // of the copy; empty: the copy was not finished
  std::vector<std::string> provisional_etags;   // versions of the key that must not stay
  bool completing = false;                      // upload_id may have been completed
  uint64_t size = 0;                            // of the object that is being completed
  std::optional<uint64_t> crc64;                // likewise, when known
  bool converting = false;                      // the key is being made anew as an Appendable from the backup
  bool settled = false;                         // the final version is stored; only the backup must go

  // kRename only.
  std::string from_key;
  std::string from_etag;
  std::string etag;  // of the copy; that of the source until its own is known
};

std::string EncodeJournalEntry(const JournalEntry& entry);
// kCorrupt (EIO) for a text that is cut off or not of this format.
Result<JournalEntry> DecodeJournalEntry(const std::string& text);

// A full disk has no room for the text, and mostly has for a name: that of an empty file says which copy must go, and
// nothing else. nullopt: the entry has more to say, or is too long for a name (kNamedCopyMax).
inline constexpr size_t kNamedCopyMax = 220;
std::optional<std::string> NameOfCopy(const JournalEntry& entry);
// The entry that such a name stands for; its key is that of the copy.
std::optional<JournalEntry> EntryOfName(std::string_view name);

}  // namespace ossfs2
