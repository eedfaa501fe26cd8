// The options of check and gc: those of mount, plus a few words of their own.
//
// Errors: of the options and of the config file, with the next step.
#pragma once

#include "cli/app.h"
#include "cli/settings/settings.h"

namespace ossfs2 {

// Settings from "-c FILE --option=value ..."; no mount point.
Result<Settings> ReadToolSettings(const Arguments& arguments);
// "90", "90s", "15m", "12h", "1d" in seconds.
Result<int64_t> ParseAge(std::string_view text);

}  // namespace ossfs2
