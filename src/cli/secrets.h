// Secrets of the command line: hidden from /proc/PID/cmdline, masked in texts.
#pragma once

#include <string>
#include <string_view>

namespace ossfs2 {

// Overwrites the values of secret options in argv's own memory with '*' (--name=value, --name value, and
// inside -o a=b,c). Call after the arguments were copied.
void WipeSecretArguments(int argc, char** argv);

// "********" for a value that is set, "" for an empty one.
std::string MaskSecret(std::string_view value);

}  // namespace ossfs2
