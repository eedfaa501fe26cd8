// StatsTable: the answer of a daemon to "stats", for people.
//
// Input is the JSON of the admin protocol, perhaps with that of some seconds before, from which rates are
// made. Lenient: what is not there is not shown. Pure.
#pragma once

#include <cstdint>
#include <string>

#include "ossfs2/status.h"

namespace ossfs2 {

// `before` may be empty; then rates are over the uptime.
Result<std::string> RenderStats(const std::string& now_json, const std::string& before_json,
                                double interval_s);
// "12s", "3m20s", "1d4h".
std::string UptimeText(int64_t seconds);

}  // namespace ossfs2
