// The rows of the option table, apart from the functions over them.
#pragma once

#include <span>

#include "cli/options/option_table.h"

namespace ossfs2 {

std::span<const OptionSpec> OptionRows();

}  // namespace ossfs2
