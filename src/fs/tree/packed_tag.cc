#include "fs/tree/packed_tag.h"

#include <charconv>

namespace ossfs2 {
namespace {

constexpr size_t kHexDigits = 32;

int HexValue(char c, char base) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= base && c <= base + 5) return c - base + 10;
  return -1;
}

bool ParseHex(std::string_view text, char base, uint64_t* words) {
  for (size_t i = 0; i < kHexDigits; ++i) {
    const int value = HexValue(text[i], base);
    if (value < 0) return false;
    words[i / 16] = (words[i / 16] << 4) | static_cast<uint64_t>(value);
  }
  return true;
}

}  // namespace

void PackedTag::Clear() {
  if (form_ == Form::kText) delete reinterpret_cast<std::string*>(words_[0]);
  form_ = Form::kEmpty;
  words_[0] = words_[1] = 0;
  parts_ = 0;
}

void PackedTag::Set(std::string_view tag) {
  Clear();
  if (tag.empty()) return;
  uint32_t parts = 0;
  bool packable = tag.size() >= kHexDigits;
  if (packable && tag.size() > kHexDigits) {
    const char* end = tag.data() + tag.size();
    const auto parsed = std::from_chars(tag.data() + kHexDigits + 1, end, parts);
    packable = tag[kHexDigits] == '-' && tag.size() > kHexDigits + 1 && tag[kHexDigits + 1] != '0' &&
               parsed.ec == std::errc() && parsed.ptr == end;
  }
  for (const Form form : {Form::kUpper, Form::kLower}) {
    uint64_t words[2] = {};
    if (!packable || !ParseHex(tag, form == Form::kLower ? 'a' : 'A', words)) continue;
    words_[0] = words[0];
    words_[1] = words[1];
    parts_ = parts;
    form_ = form;
    return;
  }
  words_[0] = reinterpret_cast<uint64_t>(new std::string(tag));
  form_ = Form::kText;
}

std::string PackedTag::Text() const {
  if (form_ == Form::kEmpty) return {};
  if (form_ == Form::kText) return *reinterpret_cast<const std::string*>(words_[0]);
  const char* digits = form_ == Form::kLower ? "0123456789abcdef" : "0123456789ABCDEF";
  std::string out(kHexDigits, '0');
  for (size_t i = 0; i < kHexDigits; ++i) out[i] = digits[(words_[i / 16] >> (60 - 4 * (i % 16))) & 15];
  if (parts_ != 0) out += "-" + std::to_string(parts_);
  return out;
}

bool PackedTag::Equals(std::string_view tag) const {
  if (form_ == Form::kEmpty) return tag.empty();
  return Text() == tag;
}

}  // namespace ossfs2
