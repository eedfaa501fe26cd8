// Reading options from a command line, from config files and from mount(8)'s -o.
//
// Forms: --name=value, -name=value, --name value, booleans --name and --noname; '-' for '_' in names;
// --flagfile=FILE, --fromenv=NAMES, --tryfromenv=NAMES (variables FLAGS_name), --undefok=NAMES as gflags has
// them. Errors name the place: "/etc/ossfs2.conf:7: ...". Limits: files of 1 MiB, eight nested files.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "cli/options/option_set.h"
#include "ossfs2/status.h"

namespace ossfs2 {

// What a command line says besides options of the table.
struct CommandLine {
  std::vector<std::string> positional;
  std::string config_file;     // -c, --conf
  bool help = false;           // -h, --help
  bool original_help = false;  // --original-help, --helpfull
  bool print_config = false;
};

// `arguments`: what follows the subcommand. Also reads the config file, which loses against the command line.
Result<CommandLine> ParseCommandLine(const std::vector<std::string>& arguments, OptionSet& options);

Status ReadConfigFile(const std::string& path, OptionSet& options, OptionLayer layer = OptionLayer::kFile);

// The parts of what mount(8) passes between its commas, as they are written, and such a part as it is meant.
std::vector<std::string_view> MountOptionFields(std::string_view text);
std::string WithoutQuotes(std::string_view field);
// Both in one: "a=b,c" with "..." around values that hold commas, or \, for one comma.
std::vector<std::string> SplitMountOptions(std::string_view text);
// Applies them: options of the table, the mount flags that mean something (ro, rw), and those that every file
// system must accept (defaults, noatime, _netdev, x-* ...). conf=FILE (or c=FILE) goes to `config_file`.
Status ApplyMountOptions(std::string_view text, OptionSet& options, std::string& config_file);

}  // namespace ossfs2
