// The rows of the option table, apart from the functions over them: one file for each kind of option. In their order
// they stand in --help and docs/configuration.md.
//
// A new option: its row in the file of its group, and its value in cli/settings. Threads: constant data.
#pragma once

#include <span>

#include "cli/options/option_table.h"

namespace ossfs2 {

// All, those of the bucket first.
std::span<const OptionSpec> OptionRows();

std::span<const OptionSpec> BucketOptionRows();  // bucket, credentials, metadata
std::span<const OptionSpec> DataOptionRows();    // data cache, prefetch, upload, random write, rename, objects
std::span<const OptionSpec> HostOptionRows();    // mount, network, logs and metrics

}  // namespace ossfs2
