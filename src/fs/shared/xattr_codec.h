// XattrCodec: extended attributes as one metadata value, the form of ossfs 1.x: JSON {"user.name":"base64 of the
// value"}, which is URL-encoded on the wire (oss/protocol/object_headers.h). What was encoded once more is read, too.
// Pure functions. Unreadable text decodes to nothing.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace ossfs2 {

std::string EncodeXattrs(const std::map<std::string, std::string>& xattrs);
std::optional<std::map<std::string, std::string>> DecodeXattrs(std::string_view text);

}  // namespace ossfs2
