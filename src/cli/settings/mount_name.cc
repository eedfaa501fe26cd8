#include "cli/settings/mount_name.h"

#include <cctype>

namespace ossfs2 {

uint64_t StableHash(std::string_view text) {
  uint64_t hash = 14695981039346656037ull;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211ull;
  return hash;
}

std::string HexText(uint64_t value, int digits) {
  std::string text(static_cast<size_t>(digits), '0');
  for (auto it = text.rbegin(); it != text.rend(); ++it, value >>= 4) *it = "0123456789abcdef"[value & 15];
  return text;
}

std::string MountName(std::string_view mount_point) {
  constexpr size_t kNameBytesMax = 40;  // a socket path has 107 in all
  while (!mount_point.empty() && mount_point.front() == '/') mount_point.remove_prefix(1);
  std::string name;
  bool odd = false;
  for (const char c : mount_point) {
    if (c == '/') {
      name += '-';
    } else if (std::isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '.') {
      name += c;
    } else {
      odd = true;
      name += c == '-' ? '-' : '_';
    }
  }
  if (name.empty()) name = "root";
  if (odd || name.size() > kNameBytesMax || name[0] == '.')
    name = "m" + name.substr(name.size() > kNameBytesMax ? name.size() - kNameBytesMax : 0) + "-" +
           HexText(StableHash(mount_point), 8);
  return name;
}

}  // namespace ossfs2
