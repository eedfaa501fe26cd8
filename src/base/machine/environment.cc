#include "base/machine/environment.h"

#include <cstdlib>
#include <cstring>
#include <map>

namespace ossfs2 {
namespace {

constexpr const char* kSecretVariables[] = {
    "OSS_ACCESS_KEY_ID",
    "OSS_ACCESS_KEY_SECRET",
    "OSS_SESSION_TOKEN",
    "ALIBABA_CLOUD_ACCESS_KEY_ID",
    "ALIBABA_CLOUD_ACCESS_KEY_SECRET",
    "ALIBABA_CLOUD_SECURITY_TOKEN",
    "ALIBABA_CLOUD_CREDENTIALS_URI",
};

// Written before threads exist, read afterwards.
std::map<std::string, std::string, std::less<>>& Hidden() {
  static std::map<std::string, std::string, std::less<>> hidden;
  return hidden;
}

void Hide(const std::string& name) {
  char* value = getenv(name.c_str());
  if (value == nullptr) return;
  Hidden()[name] = value;
  explicit_bzero(value, strlen(value));
  unsetenv(name.c_str());
}

}  // namespace

void HideSecretVariables(std::span<const std::string> more_names) {
  for (const char* name : kSecretVariables) Hide(name);
  for (const std::string& name : more_names) Hide(name);
}

std::optional<std::string> EnvironmentVariable(std::string_view name) {
  if (const auto found = Hidden().find(name); found != Hidden().end()) return found->second;
  const char* value = getenv(std::string(name).c_str());
  if (value == nullptr) return std::nullopt;
  return value;
}

std::string EnvironmentText(std::string_view name) { return EnvironmentVariable(name).value_or(""); }

}  // namespace ossfs2
