#include "oss/credentials/credential_json.h"

#include <cerrno>
#include <nlohmann/json.hpp>

#include "base/values/str.h"
#include "oss/signing/encoding.h"

namespace ossfs2::oss {
namespace {

using Json = nlohmann::json;

Error Bad(std::string text) { return MakeError(EACCES, ErrorKind::kAccessDenied, std::move(text)); }

// The text of the first of the names that is there; numbers and other types do not count.
std::string Text(const Json& json, std::initializer_list<const char*> names) {
  for (const char* name : names) {
    const auto at = json.find(name);
    if (at != json.end() && at->is_string()) return at->get<std::string>();
  }
  return "";
}

}  // namespace

Result<Credentials> ParseCredentialJson(std::string_view text, const std::string& from) {
  const Json document = Json::parse(text, nullptr, false);
  // Cut off, empty, or a page of something in between: not a refusal.
  if (!document.is_object())
    return MakeError(EACCES, ErrorKind::kUnavailable, StrCat(from, " gave no JSON object"));
  const std::string code = Text(document, {"Code"});
  if (!code.empty() && code != "Success") {
    Error error = Bad(StrCat(from, " refused: ", code, ": ", Text(document, {"Message"}),
                           ". Next: check the role, and who may take it"));
    error.oss_code = code;
    return error;
  }
  const auto nested = document.find("Credentials");
  const Json& json = nested != document.end() && nested->is_object() ? *nested : document;
  Credentials out;
  out.keys.access_key_id = Text(json, {"AccessKeyId", "access_key_id"});
  out.keys.access_key_secret = Text(json, {"AccessKeySecret", "access_key_secret"});
  out.keys.security_token = Text(json, {"SecurityToken", "sts_token", "security_token"});
  if (out.keys.access_key_id.empty() || out.keys.access_key_secret.empty()) {
    return Bad(StrCat(from, " gave JSON without AccessKeyId and AccessKeySecret"));
  }
  const std::string expires = Text(json, {"Expiration", "expiration"});
  if (!expires.empty()) {
    out.expires_s = ParseIsoDate(expires);
    if (!out.expires_s) return Bad(StrCat(from, " gave an Expiration that is no date: ", expires));
  }
  return out;
}

Result<ProfileFile> ParseProfileJson(std::string_view text, const std::string& path) {
  const Json document = Json::parse(text, nullptr, false);
  const auto profiles = document.is_object() ? document.find("profiles") : document.end();
  if (!document.is_object() || profiles == document.end() || !profiles->is_array()) {
    return Bad(StrCat(path, " is no JSON with a list of profiles"));
  }
  ProfileFile out;
  out.current = Text(document, {"current"});
  for (const Json& item : *profiles) {
    if (!item.is_object()) continue;
    Profile& profile = out.profiles.emplace_back();
    for (const auto& [name, value] : item.items()) {
      if (value.is_string()) profile[name] = value.get<std::string>();
      if (value.is_number_integer()) profile[name] = StrCat(value.get<int64_t>());
      if (value.is_boolean()) profile[name] = value.get<bool>() ? "true" : "false";
    }
  }
  return out;
}

}  // namespace ossfs2::oss
