// Content types by file name, for objects written without a given one.
//
// Pure; any thread.
#pragma once

#include <string_view>

namespace ossfs2::oss {

// By the key's extension without regard to case; "application/x-directory" for keys that end in '/',
// "application/octet-stream" when the extension is unknown.
std::string_view ContentTypeOfKey(std::string_view key);

}  // namespace ossfs2::oss
