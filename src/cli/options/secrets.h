// Secrets of the command line and the environment: hidden from /proc and from children, masked in texts.
#pragma once

#include <string>
#include <string_view>

namespace ossfs2 {

// Overwrites the values of secret options in argv's own memory with '*' (--name=value, --name value, and
// inside -o a=b,c). Call after the arguments were copied.
void WipeSecretArguments(int argc, char** argv);

// Takes the variables that hold keys, and those of --fromenv for secret options, out of the environment
// (base/machine/environment.h). At the start of main: fusermount3, credential_process and the daemon must not inherit them.
void HideSecretEnvironment();

// "********" for a value that is set, "" for an empty one.
std::string MaskSecret(std::string_view value);

}  // namespace ossfs2
