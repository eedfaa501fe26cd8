#include "cli/settings/object_properties.h"

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <optional>
#include <set>

#include "base/values/str.h"
#include "base/values/text.h"
#include "cli/options/option_set.h"
#include "fs/shared/attributes.h"
#include "oss/protocol/object_headers.h"

namespace ossfs2 {
namespace {

// Of the service.
constexpr size_t kTagsMax = 10;
constexpr size_t kTagKeyBytesMax = 128;
constexpr size_t kTagValueBytesMax = 256;
// Mode, owner and times of an object go with its user metadata, and the service has one limit for both.
constexpr size_t kAttributeBytes = 1024;

bool IsAlphanumeric(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0; }

std::optional<int> HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  const char lower = LowerCase(c);
  if (lower >= 'a' && lower <= 'f') return lower - 'a' + 10;
  return std::nullopt;
}

// The text that a URL-encoded one stands for; nothing when it is none.
std::optional<std::string> DecodeTag(std::string_view encoded) {
  constexpr std::string_view kPlain = "+-._:/";
  std::string text;
  for (size_t i = 0; i < encoded.size(); ++i) {
    if (IsAlphanumeric(encoded[i]) || kPlain.find(encoded[i]) != std::string_view::npos) {
      text += encoded[i];
      continue;
    }
    if (encoded[i] != '%' || i + 2 >= encoded.size()) return std::nullopt;
    const auto high = HexDigit(encoded[i + 1]);
    const auto low = HexDigit(encoded[i + 2]);
    if (!high || !low) return std::nullopt;
    text += static_cast<char>(*high << 4 | *low);
    i += 2;
  }
  return text;
}

bool IsTagText(const std::optional<std::string>& text, size_t max) {
  constexpr std::string_view kSigns = " +-=._:/";
  return text && text->size() <= max && std::all_of(text->begin(), text->end(), [&](char c) {
    return IsAlphanumeric(c) || kSigns.find(c) != std::string_view::npos;
  });
}

bool IsMetadataName(std::string_view name) {
  return !name.empty() && std::all_of(name.begin(), name.end(), [](char c) { return IsAlphanumeric(c) || c == '-'; });
}

Error Wrong(std::string text) { return MakeError(EINVAL, ErrorKind::kInvalid, std::move(text)); }

}  // namespace

Status CheckTagging(std::string_view tagging) {
  if (tagging.empty()) return {};
  std::set<std::string> keys;
  for (const std::string& pair : Split(tagging, '&')) {
    const size_t equals = pair.find('=');
    const auto key = DecodeTag(std::string_view(pair).substr(0, equals));
    const auto value = DecodeTag(equals == std::string::npos ? "" : std::string_view(pair).substr(equals + 1));
    if (!IsTagText(key, kTagKeyBytesMax) || key->empty() || !IsTagText(value, kTagValueBytesMax))
      return Wrong(StrCat("tagging: \"", pair,
                          "\" is not key=value, URL-encoded, of letters, digits, blanks and + - = . _ : /, at most ",
                          kTagKeyBytesMax, " and ", kTagValueBytesMax, " of them"));
    if (!keys.insert(*key).second) return Wrong(StrCat("tagging: \"", *key, "\" comes twice"));
  }
  if (keys.size() > kTagsMax) return Wrong(StrCat("tagging: the service allows ", kTagsMax, " tags"));
  return {};
}

Result<Metadata> ParseUserMetadata(std::string_view text) {
  Metadata metadata;
  for (const std::string& field : Split(text, ';')) {
    const std::string_view pair = Trim(field);
    if (pair.empty()) continue;
    const size_t equals = pair.find('=');
    if (equals == 0 || equals == std::string_view::npos)
      return Wrong(StrCat("user_metadata: \"", pair, "\" is not name=value"));
    const std::string name = LowerCase(pair.substr(0, equals));
    if (!IsMetadataName(name))
      return Wrong(StrCat("user_metadata: the name \"", name, "\" may hold only letters, digits and '-'"));
    if (IsAttributeMetadata(name) || name.starts_with("ossfs2-"))
      return Wrong(
          StrCat("user_metadata: by the name \"", name, "\" ossfs2 keeps attributes of files; choose another"));
    metadata[name] = pair.substr(equals + 1);
  }
  if (const size_t bytes = oss::MetadataWireBytes(metadata); bytes > kMetadataBytesMax - kAttributeBytes)
    return Wrong(StrCat("user_metadata: with its headers it has ", bytes, " bytes; at most ",
                        kMetadataBytesMax - kAttributeBytes, " fit beside the attributes of a file"));
  return metadata;
}

}  // namespace ossfs2
