// Names: which texts can be file names, and how names become keys.
//
// A key is the mount's prefix, then the names on the way joined by '/'; directories end in '/'.
// The service takes keys in UTF-8 only, so no other name can be made; one that a list shows anyway is shown.
// Pure functions, any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "ossfs2/status.h"

namespace ossfs2 {

inline constexpr size_t kNameBytesMax = 255;
// Holds the flag of kept attributes for the root of a whole bucket, which cannot have a marker. Hidden.
inline constexpr std::string_view kRootFlagName = ".ossfs2-attrs";

// Names that are ours: everywhere the old versions of files of which an unfinished one is stored (kBackupNameStart);
// directly below the mount's prefix (`at_root`) the flag, and objects that open files without a name still need
// (detacher.h). Nobody sees them or may make them.
bool IsHiddenName(bool at_root, std::string_view prefix, std::string_view name);
// Whether a listed name can be shown: not empty, "." or "..", no '/' or NUL, at most 255 bytes.
bool IsNameShowable(std::string_view name);
// ENAMETOOLONG, EINVAL or ENOENT for names that a caller may not use.
Status CheckName(std::string_view name);
// More, of names that a caller gives to something: EILSEQ when it is not UTF-8; EINVAL when the key would begin with
// a backslash. `key`: of the directory.
Status CheckGivenName(std::string_view key, std::string_view name);
// ENAMETOOLONG for a key of more than kKeyBytesMax; `name`: what would get it.
Error KeyTooLong(std::string_view name);
// A prefix option as keys need it: without doubled ends, with one '/' at the end; empty stays empty.
std::string NormalizePrefix(std::string_view prefix);
// A number for a key, the same in every mount; never 0 or 1.
uint64_t HashKey(std::string_view directory_key, std::string_view name, bool directory);
// "model-00001-of-00005.safetensors" gives "model-00002-of-00005.safetensors"; nothing after the last.
std::optional<std::string> NextShardName(std::string_view name);

}  // namespace ossfs2
