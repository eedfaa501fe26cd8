#include "fs/xattr_codec.h"

#include <nlohmann/json.hpp>

#include "fs/attributes.h"

namespace ossfs2 {
namespace {

constexpr char kDigits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

std::string EncodeBase64(std::string_view bytes) {
  std::string out;
  for (size_t i = 0; i < bytes.size(); i += 3) {
    uint32_t word = 0;
    for (size_t j = 0; j < 3; ++j)
      word = (word << 8) | (i + j < bytes.size() ? static_cast<unsigned char>(bytes[i + j]) : 0u);
    for (size_t j = 0; j < 4; ++j) out += i + j > bytes.size() ? '=' : kDigits[(word >> (18 - 6 * j)) & 63];
  }
  return out;
}

std::optional<std::string> DecodeBase64(std::string_view text) {
  std::string out;
  uint32_t word = 0;
  int bits = 0;
  while (!text.empty() && text.back() == '=') text.remove_suffix(1);
  for (const char c : text) {
    const size_t value = std::string_view(kDigits, 64).find(c);
    if (value == std::string_view::npos) return std::nullopt;
    word = (word << 6) | static_cast<uint32_t>(value);
    bits += 6;
    if (bits >= 8) {
      bits -= 8;
      out += static_cast<char>((word >> bits) & 255);
    }
  }
  return out;
}

}  // namespace

std::string EncodeXattrs(const std::map<std::string, std::string>& xattrs) {
  nlohmann::json object = nlohmann::json::object();
  for (const auto& [name, value] : xattrs) object[name] = EncodeBase64(value);
  return PercentEncode(object.dump(-1, ' ', true, nlohmann::json::error_handler_t::replace));
}

std::optional<std::map<std::string, std::string>> DecodeXattrs(std::string_view text) {
  const auto plain = PercentDecode(text);
  if (!plain) return std::nullopt;
  const nlohmann::json object = nlohmann::json::parse(*plain, nullptr, false);
  if (!object.is_object()) return std::nullopt;
  std::map<std::string, std::string> xattrs;
  for (const auto& [name, value] : object.items()) {
    if (!value.is_string()) return std::nullopt;
    const auto bytes = DecodeBase64(value.get_ref<const std::string&>());
    if (!bytes) return std::nullopt;
    xattrs[name] = *bytes;
  }
  return xattrs;
}

bool IsValidUtf8(std::string_view text) {
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

}  // namespace ossfs2
