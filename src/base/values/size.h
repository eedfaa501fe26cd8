// Sizes as users write them: "16g", "8MiB", "1048576" (all 1024-based; K M G T P,
// optional i, optional B, any case; no fraction, no space).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "ossfs2/status.h"

namespace ossfs2 {

Result<uint64_t> ParseSize(std::string_view text);
// "1.50 GiB", "640 KiB", "12 B": for people.
std::string FormatSize(uint64_t bytes);

}  // namespace ossfs2
