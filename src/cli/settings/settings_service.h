// The part of MakeSettings that says how the service is reached: endpoint, bucket, connections and credentials.
#pragma once

#include <string>

#include "cli/settings/settings.h"

namespace ossfs2 {

// Fills oss, http and credentials. Adds notices.
Status FillService(const OptionSet& options, Settings& settings);

// EINVAL with that text.
Error Refuse(std::string text);

}  // namespace ossfs2
