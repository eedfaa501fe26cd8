#include "data/journal/journal_entry.h"

#include <cerrno>
#include <cstdlib>
#include <string_view>
#include <utility>

#include "base/values/str.h"

namespace ossfs2 {
namespace {

constexpr std::string_view kHeader = "ossfs2-upload-journal 1";
constexpr std::string_view kEnd = "end";
constexpr std::string_view kCopyStart = "copy-";
constexpr char kHex[] = "0123456789abcdef";

// Keys are raw bytes: everything but plain ASCII goes as %xx, so that a line stays a line.
std::string Escape(std::string_view raw) {
  std::string out;
  for (const char c : raw) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte > 0x20 && byte < 0x7f && c != '%')
      out += c;
    else
      out += {'%', kHex[byte >> 4], kHex[byte & 15]};
  }
  return out;
}

int HexValue(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return -1;
}

std::optional<std::string> Unescape(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out += text[i];
      continue;
    }
    if (i + 2 >= text.size()) return std::nullopt;
    const int high = HexValue(text[i + 1]);
    const int low = HexValue(text[i + 2]);
    if (high < 0 || low < 0) return std::nullopt;
    out += static_cast<char>(high * 16 + low);
    i += 2;
  }
  return out;
}

Error Corrupt(std::string_view what) {
  return MakeError(EIO, ErrorKind::kCorrupt, StrCat("a record of the upload journal is damaged: ", what));
}

bool TakeLine(std::string_view& rest, std::string_view& line) {
  const size_t end = rest.find('\n');
  if (end == std::string_view::npos) return false;
  line = rest.substr(0, end);
  rest.remove_prefix(end + 1);
  return true;
}

constexpr std::pair<JournalKind, std::string_view> kKindNames[] = {
    {JournalKind::kUpload, "upload"}, {JournalKind::kProvisional, "provisional"}, {JournalKind::kRename, "rename"}};

std::string_view NameOf(JournalKind kind) {
  for (const auto& [value, name] : kKindNames)
    if (value == kind) return name;
  return "upload";
}

JournalKind KindOf(std::string_view text) {
  for (const auto& [value, name] : kKindNames)
    if (name == text) return value;
  return JournalKind::kUpload;
}

void TakeField(JournalEntry& entry, std::string_view name, const std::string& value) {
  const auto number = [&value] { return std::strtoull(value.c_str(), nullptr, 10); };
  if (name == "kind") entry.kind = KindOf(value);
  if (name == "key") entry.key = value;
  if (name == "started") entry.started_s = static_cast<int64_t>(number());
  if (name == "upload") entry.upload_id = value;
  if (name == "backup") entry.backup_key = value;
  if (name == "backup_etag") entry.backup_etag = value;
  if (name == "provisional_etag") entry.provisional_etags.push_back(value);
  if (name == "completing") entry.completing = value == "1";
  if (name == "size") entry.size = number();
  if (name == "crc64") entry.crc64 = number();
  if (name == "converting") entry.converting = value == "1";
  if (name == "settled") entry.settled = value == "1";
  if (name == "from") entry.from_key = value;
  if (name == "from_etag") entry.from_etag = value;
  if (name == "etag") entry.etag = value;
}

}  // namespace

std::string EncodeJournalEntry(const JournalEntry& entry) {
  std::string out = StrCat(kHeader, "\n");
  const auto line = [&out](std::string_view name, std::string_view value) {
    if (!value.empty()) out += StrCat(name, " ", Escape(value), "\n");
  };
  line("kind", NameOf(entry.kind));
  line("key", entry.key);
  line("started", StrCat(entry.started_s));
  line("upload", entry.upload_id);
  line("backup", entry.backup_key);
  line("backup_etag", entry.backup_etag);
  for (const std::string& etag : entry.provisional_etags) line("provisional_etag", etag);
  if (entry.completing) {
    line("completing", "1");
    line("size", StrCat(entry.size));
    if (entry.crc64) line("crc64", StrCat(*entry.crc64));
  }
  if (entry.converting) line("converting", "1");
  if (entry.settled) line("settled", "1");
  line("from", entry.from_key);
  line("from_etag", entry.from_etag);
  line("etag", entry.etag);
  return out + StrCat(kEnd, "\n");
}

std::optional<std::string> NameOfCopy(const JournalEntry& entry) {
  if (entry.kind != JournalKind::kProvisional || !entry.settled || entry.backup_key.empty()) return std::nullopt;
  std::string name(kCopyStart);
  for (const char c : Escape(entry.backup_key)) name += c == '/' ? std::string("%2f") : std::string(1, c);
  if (name.size() > kNamedCopyMax) return std::nullopt;
  return name;
}

std::optional<JournalEntry> EntryOfName(std::string_view name) {
  if (!name.starts_with(kCopyStart)) return std::nullopt;
  std::optional<std::string> key = Unescape(name.substr(kCopyStart.size()));
  if (!key || key->empty()) return std::nullopt;
  JournalEntry entry;
  entry.kind = JournalKind::kProvisional;
  entry.key = *key;
  entry.backup_key = std::move(*key);
  entry.settled = true;
  return entry;
}

Result<JournalEntry> DecodeJournalEntry(const std::string& text) {
  std::string_view rest = text;
  std::string_view line;
  if (!TakeLine(rest, line) || line != kHeader) return Corrupt("unknown format");
  JournalEntry entry;
  while (TakeLine(rest, line)) {
    if (line == kEnd) {
      if (entry.key.empty()) return Corrupt("no key");
      return entry;
    }
    const size_t space = line.find(' ');
    if (space == std::string_view::npos) return Corrupt("a line without a value");
    const std::optional<std::string> value = Unescape(line.substr(space + 1));
    if (!value) return Corrupt("bad escape");
    TakeField(entry, line.substr(0, space), *value);
  }
  return Corrupt("cut off");
}

}  // namespace ossfs2
