// Small operations on ASCII text. No locale is asked, so what they do is the same everywhere.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

namespace ossfs2 {

constexpr char LowerCase(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

inline std::string LowerCase(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(), [](char c) { return LowerCase(c); });
  return out;
}

inline bool EqualsIgnoringCase(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](char x, char y) { return LowerCase(x) == LowerCase(y); });
}

// `text` without `blanks` at both ends: spaces and tabs, as HTTP wants it, or what else the caller names.
constexpr std::string_view TrimSpace(std::string_view text, std::string_view blanks = " \t") {
  const size_t first = text.find_first_not_of(blanks);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(blanks) - first + 1);
}

// For a line of a table: a name may hold any byte, and one that moves the cursor is shown as '?', as ls does.
inline std::string Printable(std::string_view text) {
  std::string out(text);
  std::replace_if(out.begin(), out.end(), [](unsigned char c) { return c < 0x20 || c == 0x7f; }, '?');
  return out;
}

inline bool IsValidUtf8(std::string_view text) {
  size_t i = 0;
  while (i < text.size()) {
    const auto c = static_cast<unsigned char>(text[i]);
    size_t more = 0;
    if (c >= 0x80) {
      if (c < 0xC2 || c >= 0xF5) return false;
      more = c < 0xE0 ? 1 : c < 0xF0 ? 2 : 3;
    }
    if (i + more >= text.size()) return false;
    for (size_t j = 1; j <= more; ++j)
      if ((static_cast<unsigned char>(text[i + j]) & 0xC0) != 0x80) return false;
    i += more + 1;
  }
  return true;
}

// The fields between the separators, empty ones too: of an empty text one.
inline std::vector<std::string> Split(std::string_view text, char separator) {
  std::vector<std::string> fields;
  for (;;) {
    const size_t end = text.find(separator);
    fields.emplace_back(text.substr(0, end));
    if (end == std::string_view::npos) return fields;
    text.remove_prefix(end + 1);
  }
}

}  // namespace ossfs2
