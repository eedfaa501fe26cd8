// XattrCodec: extended attributes as one metadata value, the form of ossfs 1.x: URL-encoded JSON
// {"user.name":"base64 of the value"}. Pure functions. Unreadable text decodes to nothing.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace ossfs2 {

std::string EncodeXattrs(const std::map<std::string, std::string>& xattrs);
std::optional<std::map<std::string, std::string>> DecodeXattrs(std::string_view text);
bool IsValidUtf8(std::string_view text);

}  // namespace ossfs2
