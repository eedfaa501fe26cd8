// SettingsText: every field of Settings as text, to see whether an option changed anything.
#pragma once

#include <string>

#include "cli/settings/settings.h"

namespace ossfs2 {

std::string SettingsText(const Settings& settings);

}  // namespace ossfs2
