#include "cli/secrets.h"

#include <cstring>
#include <vector>

#include "base/environment.h"
#include "base/str.h"
#include "cli/option_table.h"

namespace ossfs2 {
namespace {

bool IsSecret(std::string_view name) {
  const OptionSpec* spec = FindOption(name);
  return spec != nullptr && spec->secret;
}

void Overwrite(char* from, size_t size) { memset(from, '*', size); }

// In "a=b,c=d": the values of secret names, up to the next comma outside quotes.
void WipeMountOptions(char* text) {
  char* at = text;
  while (*at != '\0') {
    char* end = at;
    bool quoted = false;
    for (; *end != '\0' && (quoted || *end != ','); ++end) {
      if (*end == '\\' && end[1] != '\0') ++end;
      if (*end == '"') quoted = !quoted;
    }
    if (char* equals = static_cast<char*>(memchr(at, '=', static_cast<size_t>(end - at)));
        equals != nullptr && IsSecret(std::string_view(at, static_cast<size_t>(equals - at))))
      Overwrite(equals + 1, static_cast<size_t>(end - equals - 1));
    at = *end == '\0' ? end : end + 1;
  }
}

}  // namespace

void WipeSecretArguments(int argc, char** argv) {
  for (int i = 1; i < argc; ++i) {
    char* argument = argv[i];
    const bool mount_options = i > 0 && strcmp(argv[i - 1], "-o") == 0;
    if (mount_options) {
      WipeMountOptions(argument);
      continue;
    }
    if (strncmp(argument, "-o", 2) == 0 && argument[2] != '\0' && FindOption(argument + 1) == nullptr &&
        strchr(argument, '=') != nullptr &&
        !IsSecret(std::string_view(argument + 1, strcspn(argument + 1, "=")))) {
      WipeMountOptions(argument + 2);
      continue;
    }
    if (argument[0] != '-') continue;
    char* name = argument + (argument[1] == '-' ? 2 : 1);
    const size_t length = strcspn(name, "=");
    if (!IsSecret(std::string_view(name, length))) continue;
    if (name[length] == '=') {
      Overwrite(name + length + 1, strlen(name + length + 1));
    } else if (i + 1 < argc) {
      Overwrite(argv[i + 1], strlen(argv[i + 1]));
      ++i;
    }
  }
}

void HideSecretEnvironment() {
  std::vector<std::string> names;
  for (const OptionSpec& spec : OptionTable()) {
    if (!spec.secret) continue;
    names.push_back(StrCat("FLAGS_", spec.name));
    if (!spec.alias.empty()) names.push_back(StrCat("FLAGS_", spec.alias));
  }
  HideSecretVariables(names);
}

std::string MaskSecret(std::string_view value) { return value.empty() ? "" : "********"; }

}  // namespace ossfs2
