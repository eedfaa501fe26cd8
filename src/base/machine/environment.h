// The environment of the process, without the secrets in it being passed on.
//
// HideSecretVariables takes the values of variables that hold keys, overwrites them where the system left them
// (/proc/PID/environ shows that memory) and removes the variables, so that no child process inherits them.
// EnvironmentVariable still knows them. HideSecretVariables: at the start of main, before any thread or child;
// EnvironmentVariable: any thread.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace ossfs2 {

// Variables that hold a key, a token or a URL with one, besides those given by name.
void HideSecretVariables(std::span<const std::string> more_names = {});

// The value when the program started (of hidden variables) or now (of all others); nullopt when unset.
std::optional<std::string> EnvironmentVariable(std::string_view name);
// The same; empty when unset.
std::string EnvironmentText(std::string_view name);

}  // namespace ossfs2
