#include "fs/shared/xattr_codec.h"

#include <nlohmann/json.hpp>

#include "fs/shared/attributes.h"
#include "oss/signing/encoding.h"

namespace ossfs2 {
namespace {

// Other programs may have left the padding out.
std::optional<std::string> DecodeBase64(std::string text) {
  while (text.size() % 4 != 0) text += '=';
  return oss::Base64Decode(text);
}

}  // namespace

std::string EncodeXattrs(const std::map<std::string, std::string>& xattrs) {
  nlohmann::json object = nlohmann::json::object();
  for (const auto& [name, value] : xattrs) object[name] = oss::Base64Encode(value);
  return object.dump(-1, ' ', true, nlohmann::json::error_handler_t::replace);
}

std::optional<std::map<std::string, std::string>> DecodeXattrs(std::string_view text) {
  const auto plain = text.starts_with('{') ? std::string(text) : PercentDecode(text);
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

}  // namespace ossfs2
