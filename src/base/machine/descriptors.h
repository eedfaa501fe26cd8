// The number of files and connections that this process may have open.
#pragma once

#include <cstdint>

namespace ossfs2 {

// Far more than the connections and staged files of a mount. Not all that the system may allow: programs that are
// started from here inherit the limit, and old ones close every possible descriptor first (a billion in some
// containers).
inline constexpr uint64_t kDescriptorsMax = 65536;

// Raises the soft limit, 1024 in most shells, to the hard one, at most kDescriptorsMax; never lowers it.
void RaiseDescriptorLimit();

// How many connections leave half of the descriptors beyond those of a mount itself to files (staging, journal): of the
// limit of this process, at least 4.
uint64_t ConnectionsWithinLimit();

}  // namespace ossfs2
