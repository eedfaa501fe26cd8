#include "fs/tree/names.h"

#include <cerrno>

#include "base/values/str.h"
#include "base/values/text.h"
#include "data/recovery/private_names.h"
#include "ossfs2/object_store.h"

namespace ossfs2 {
namespace {

constexpr size_t kNameBytesShown = 64;  // of one that is too long

}  // namespace

bool IsHiddenName(bool at_root, std::string_view prefix, std::string_view name) {
  if (name.starts_with(kBackupNameStart)) return true;
  if (!at_root) return false;
  return name.starts_with(kParkedNameStart) || (prefix.empty() && name == kRootFlagName);
}

bool IsNameShowable(std::string_view name) {
  if (name.empty() || name.size() > kNameBytesMax || name == "." || name == "..") return false;
  return name.find('/') == std::string_view::npos && name.find('\0') == std::string_view::npos;
}

Status CheckName(std::string_view name) {
  if (name.size() > kNameBytesMax)
    return MakeError(ENAMETOOLONG, ErrorKind::kInvalid,
                     StrCat("'", Printable(name.substr(0, kNameBytesShown)),
                            "...': a file name may have 255 bytes. Take a shorter one."));
  if (name.empty()) return MakeError(ENOENT, ErrorKind::kNotFound, "An empty file name.");
  if (!IsNameShowable(name))
    return MakeError(EINVAL, ErrorKind::kInvalid,
                     StrCat("'", Printable(name), "' cannot be a file name. Take another one."));
  return {};
}

Status CheckGivenName(std::string_view key, std::string_view name) {
  if (!IsValidUtf8(name))
    return MakeError(
        EILSEQ, ErrorKind::kInvalid,
        StrCat("'", Printable(name), "' is not UTF-8, and OSS takes no other names. Rename it first (convmv)."));
  if (key.empty() && name.starts_with('\\'))
    return MakeError(EINVAL, ErrorKind::kInvalid,
                     StrCat("'", name, "': OSS takes no key that begins with a backslash. Take another name."));
  return {};
}

Error KeyTooLong(std::string_view name) {
  return MakeError(ENAMETOOLONG, ErrorKind::kInvalid,
                   StrCat("'", name, "': its object key, which is the path, would have more than ", kKeyBytesMax,
                          " bytes. Take shorter names."));
}

std::string NormalizePrefix(std::string_view prefix) {
  while (!prefix.empty() && prefix.front() == '/') prefix.remove_prefix(1);
  while (!prefix.empty() && prefix.back() == '/') prefix.remove_suffix(1);
  return prefix.empty() ? std::string() : StrCat(prefix, "/");
}

uint64_t HashKey(std::string_view directory_key, std::string_view name, bool directory) {
  uint64_t hash = 0xcbf29ce484222325ull;
  const auto mix = [&hash](std::string_view text) {
    for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3ull;
  };
  mix(directory_key);
  mix(name);
  if (directory) mix("/");
  // FNV alone spreads its high bits poorly over short texts.
  hash ^= hash >> 32;
  hash *= 0xd6e8feb86659fd93ull;
  hash ^= hash >> 32;
  return hash < 2 ? hash + 2 : hash;
}

std::optional<std::string> NextShardName(std::string_view name) {
  const size_t of = name.rfind("-of-");
  if (of == std::string_view::npos || of == 0) return std::nullopt;
  const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  size_t start = of;
  while (start > 0 && is_digit(name[start - 1])) --start;
  size_t end = of + 4;
  while (end < name.size() && is_digit(name[end])) ++end;
  const size_t width = of - start;
  if (width == 0 || width > 9 || end - (of + 4) != width) return std::nullopt;
  uint64_t number = 0;
  uint64_t total = 0;
  for (size_t i = 0; i < width; ++i) {
    number = number * 10 + static_cast<uint64_t>(name[start + i] - '0');
    total = total * 10 + static_cast<uint64_t>(name[of + 4 + i] - '0');
  }
  if (number >= total) return std::nullopt;
  std::string digits = std::to_string(number + 1);
  if (digits.size() > width) return std::nullopt;
  digits.insert(0, width - digits.size(), '0');
  return StrCat(name.substr(0, start), digits, name.substr(of));
}

}  // namespace ossfs2
