// Texts made from the option table: help, effective configuration, docs/configuration.md, man page,
// completion. Pure.
#pragma once

#include <string>
#include <string_view>

#include "cli/options/option_set.h"

namespace ossfs2 {

std::string VersionText();
std::string UsageText();         // all commands, and a first mount
std::string CommandLines();      // a line for each command
std::string FirstMountLines();   // what a shell takes
std::string UsageOf(std::string_view command);  // its CommandLines; empty for names that are not there
std::string CommandHelp(std::string_view command);  // and what its options mean; for all but mount
std::string CommandText(std::string_view command);  // what its options mean; of mount those that take no --name=value
std::string CommandsManSection();
std::string RoffText(std::string_view text);  // for the man page
std::string HelpText(bool all);  // of mount; all: experimental, hidden and unused options too
// "# origin" and "--name=value" lines, secrets masked; a config file again once the secrets are filled in.
std::string PrintedConfig(const OptionSet& options);
std::string ConfigurationMarkdown();
std::string ManPage();
std::string BashCompletion();

}  // namespace ossfs2
