// Explanation: what `ossfs2 explain` prints of one file: one fact a line, "name: value".
#pragma once

#include <string>
#include <vector>

namespace ossfs2 {

using Explanation = std::vector<std::string>;

}  // namespace ossfs2
