// MountName: a short file name for a mount point, for its log, state and socket.
//
// "/mnt/oss" is "mnt-oss"; when that could be the name of another path too, or is long or odd, a hash
// follows. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace ossfs2 {

std::string MountName(std::string_view mount_point);
// FNV-1a; stable over versions, since names on disk are made of it.
uint64_t StableHash(std::string_view text);
std::string HexText(uint64_t value, int digits);

}  // namespace ossfs2
