#include "cli/options/secrets.h"

#include <algorithm>
#include <cstring>
#include <vector>

#include "base/machine/environment.h"
#include "base/values/str.h"
#include "cli/options/option_parser.h"
#include "cli/options/option_table.h"

namespace ossfs2 {
namespace {

bool IsSecret(std::string_view name) {
  const OptionSpec* spec = FindOption(name);
  return spec != nullptr && spec->secret;
}

void Overwrite(char* from, size_t size) { memset(from, '*', size); }

// What stands before the '=' of a field, freed of all that may stand around a name.
std::string NameIn(std::string_view before_equals) {
  const std::string plain = WithoutQuotes(before_equals);
  std::string_view name = Trim(plain);
  name.remove_prefix(std::min(name.find_first_not_of("-= \t"), name.size()));
  return std::string(name);
}

// In "a=b,c=d": the values of secret names. The fields are those that ApplyMountOptions sees; a name may be in
// quotes, behind blanks or behind dashes.
void WipeMountOptions(char* text) {
  for (const std::string_view field : MountOptionFields(text)) {
    for (size_t equals = field.find('='); equals != std::string_view::npos; equals = field.find('=', equals + 1)) {
      const std::string name = NameIn(field.substr(0, equals));
      if (name.empty()) continue;  // "-o=NAME=VALUE"
      if (IsSecret(name)) Overwrite(text + (field.data() - text) + equals + 1, field.size() - equals - 1);
      break;
    }
  }
}

// "-oLIST", "-o=LIST", and mount(8)'s flags before the o: "-snoLIST". Null: the argument is not such a one.
char* MountOptionList(char* argument) {
  if (argument[0] != '-') return nullptr;
  char* at = argument + 1 + strspn(argument + 1, "sfnvrw");
  return *at == 'o' ? at + 1 : nullptr;
}

}  // namespace

void WipeSecretArguments(int argc, char** argv) {
  for (int i = 1; i < argc; ++i) {
    char* argument = argv[i];
    // No harm in looking where there is no list: only the values of secret names go.
    char* list = MountOptionList(argument);
    WipeMountOptions(list != nullptr ? list : argument);
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
