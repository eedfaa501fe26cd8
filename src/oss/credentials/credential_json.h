// JSON of credential services and of ~/.aliyun/config.json. Pure functions; thread-safe.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "oss/credentials/credential_source.h"

namespace ossfs2::oss {

// {"AccessKeyId", "AccessKeySecret", "SecurityToken", "Expiration"[, "Code"]}, the same inside "Credentials"
// (STS), or the command line's {"access_key_id", "access_key_secret", "sts_token", "expiration"}. An answer
// with a Code other than Success is kAccessDenied with that code. `from` names the place in texts.
Result<Credentials> ParseCredentialJson(std::string_view text, const std::string& from);

// The profiles of config.json: every text or number of each as text.
using Profile = std::map<std::string, std::string>;
struct ProfileFile {
  std::string current;
  std::vector<Profile> profiles;
};
Result<ProfileFile> ParseProfileJson(std::string_view text, const std::string& path);

}  // namespace ossfs2::oss
