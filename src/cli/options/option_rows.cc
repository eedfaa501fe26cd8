#include "cli/options/option_rows.h"

#include <vector>

namespace ossfs2 {

std::span<const OptionSpec> OptionRows() {
  static const std::vector<OptionSpec> rows = [] {
    std::vector<OptionSpec> all;
    for (const auto& group : {BucketOptionRows(), DataOptionRows(), HostOptionRows()})
      all.insert(all.end(), group.begin(), group.end());
    return all;
  }();
  return rows;
}

}  // namespace ossfs2
