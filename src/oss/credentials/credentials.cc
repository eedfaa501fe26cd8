#include "oss/credentials/credentials.h"

#include <sys/stat.h>

#include <cerrno>

#include "base/machine/environment.h"
#include "base/values/str.h"
#include "oss/credentials/credential_refresher.h"
#include "oss/credentials/credential_source.h"

namespace ossfs2::oss {
namespace {

Error Wrong(std::string text) { return MakeError(EINVAL, ErrorKind::kInvalid, std::move(text)); }

http::HttpClient& MetadataHttp(http::HttpClient& http, const CredentialOptions& options) {
  return options.metadata_http != nullptr ? *options.metadata_http : http;
}

std::string Or(std::string first, std::string second) {
  return first.empty() ? std::move(second) : std::move(first);
}

// From options and environment; null when a part is missing.
SourcePtr MakeOidc(http::HttpClient& http, const CredentialOptions& options, Clock& clock) {
  RoleRequest role;
  role.sts_endpoint = options.sts_endpoint;
  const std::string region = EnvironmentText("ALIBABA_CLOUD_STS_REGION");
  if (role.sts_endpoint.empty() && !region.empty()) {
    const bool is_vpc = EnvironmentText("ALIBABA_CLOUD_VPC_ENDPOINT_ENABLED") == "true";
    role.sts_endpoint = StrCat(is_vpc ? "sts-vpc." : "sts.", region, ".aliyuncs.com");
  }
  role.role_arn = Or(options.oidc_role_arn, EnvironmentText("ALIBABA_CLOUD_ROLE_ARN"));
  role.oidc_provider_arn = Or(options.oidc_provider_arn, EnvironmentText("ALIBABA_CLOUD_OIDC_PROVIDER_ARN"));
  role.oidc_token_file = Or(options.oidc_token_file, EnvironmentText("ALIBABA_CLOUD_OIDC_TOKEN_FILE"));
  role.session_name = Or(EnvironmentText("ALIBABA_CLOUD_ROLE_SESSION_NAME"), options.assume_role_session_name);
  if (role.role_arn.empty() || role.oidc_provider_arn.empty() || role.oidc_token_file.empty()) return nullptr;
  return MakeOidcSource(http, std::move(role), clock);
}

bool Exists(const std::string& path) {
  struct stat info {};
  return !path.empty() && stat(path.c_str(), &info) == 0;
}

bool NamesOidc(const CredentialOptions& options) {
  return !options.oidc_role_arn.empty() || !options.oidc_provider_arn.empty() || !options.oidc_token_file.empty();
}

// The default chain: the first place that has something.
Result<SourcePtr> MakeChain(http::HttpClient& http, const CredentialOptions& options, Clock& clock) {
  if (SourcePtr source = MakeEnvironmentSource()) return source;
  if (SourcePtr source = MakeOidc(http, options, clock)) return source;
  const std::string home = EnvironmentText("HOME");
  const std::string profile = EnvironmentText("ALIBABA_CLOUD_PROFILE");
  if (Exists(Or(EnvironmentText("ALIBABA_CLOUD_CONFIG_FILE"), home + "/.aliyun/config.json"))) {
    return MakeProfileSource(http, options, profile, clock);
  }
  if (Exists(Or(EnvironmentText("ALIBABA_CLOUD_CREDENTIALS_FILE"), home + "/.alibabacloud/credentials"))) {
    return MakeIniSource(http, options, profile, clock);
  }
  const std::string role = EnvironmentText("ALIBABA_CLOUD_ECS_METADATA");
  if (!role.empty() && EnvironmentText("ALIBABA_CLOUD_ECS_METADATA_DISABLED") != "true") {
    const bool is_hardened =
        options.hardened_metadata || EnvironmentText("ALIBABA_CLOUD_IMDSV1_DISABLED") == "true";
    return MakeMetadataSource(MetadataHttp(http, options), options.metadata_endpoint, role, is_hardened,
                              clock);
  }
  const std::string uri = EnvironmentText("ALIBABA_CLOUD_CREDENTIALS_URI");
  if (!uri.empty()) return MakeUriSource(MetadataHttp(http, options), uri, clock);
  return MakeError(
      EACCES, ErrorKind::kAccessDenied,
      "no credentials are given. Next: set oss_access_key_id and oss_access_key_secret, the environment's "
      "OSS_ACCESS_KEY_ID and OSS_ACCESS_KEY_SECRET, ram_role, credential_process or a profile");
}

// In the order of GivenSources.
Result<SourcePtr> MakeBase(http::HttpClient& http, const CredentialOptions& options, Clock& clock) {
  if (options.anonymous) return MakeStaticSource({}, "anonymous");
  if (!options.ram_role.empty()) {
    return MakeMetadataSource(MetadataHttp(http, options), options.metadata_endpoint, options.ram_role,
                              options.hardened_metadata, clock);
  }
  if (!options.credential_process.empty()) return MakeProcessSource(options.credential_process);
  if (!options.access_key_id.empty() || !options.access_key_secret.empty()) {
    if (options.access_key_id.empty())
      return Wrong("oss_access_key_secret is set but oss_access_key_id is not. Next: set both");
    if (options.access_key_secret.empty())
      return Wrong("oss_access_key_id is set but oss_access_key_secret is not. Next: set both");
    KeySet keys{TrimText(options.access_key_id), TrimText(options.access_key_secret),
                TrimText(options.security_token)};
    return MakeStaticSource(std::move(keys), "option oss_access_key_id");
  }
  if (!options.credential_file.empty()) return MakeFileSource(options.credential_file, options.bucket);
  if (!options.credential_dir.empty()) return MakeDirectorySource(options.credential_dir);
  if (!options.profile.empty()) return MakeProfileSource(http, options, options.profile, clock);
  if (NamesOidc(options)) {
    if (SourcePtr source = MakeOidc(http, options, clock)) return source;
    return Wrong("oidc_role_arn, oidc_provider_arn and oidc_token_file belong together. Next: give all three");
  }
  return MakeChain(http, options, clock);
}

}  // namespace

std::vector<std::string> GivenSources(const CredentialOptions& options) {
  std::vector<std::string> names;
  const auto add = [&names](bool given, const char* name) {
    if (given) names.emplace_back(name);
  };
  add(options.anonymous, "anonymous");
  add(!options.ram_role.empty(), "ram_role");
  add(!options.credential_process.empty(), "credential_process");
  add(!options.access_key_id.empty() || !options.access_key_secret.empty(), "oss_access_key_id");
  add(!options.credential_file.empty(), "credential_file");
  add(!options.credential_dir.empty(), "credential_dir");
  add(!options.profile.empty(), "profile");
  add(NamesOidc(options), "oidc_role_arn");
  return names;
}

Result<std::unique_ptr<CredentialProvider>> MakeCredentialProvider(http::HttpClient& http,
                                                                   const CredentialOptions& options,
                                                                   Clock& clock) {
  auto source = MakeBase(http, options, clock);
  if (!source) return source.error();
  if (!options.assume_role_arn.empty()) {
    if (options.anonymous)
      return Wrong("an anonymous user cannot assume a role. Next: leave out anonymous or assume_role_arn");
    RoleRequest role;
    role.sts_endpoint = options.sts_endpoint;
    role.role_arn = options.assume_role_arn;
    role.session_name = options.assume_role_session_name;
    role.external_id = options.assume_role_external_id;
    source = MakeAssumeRoleSource(http, std::move(*source), std::move(role), clock);
  }
  return std::unique_ptr<CredentialProvider>(std::make_unique<CredentialRefresher>(
      std::move(*source), options.refresh_interval, options.refresh_backoff, clock));
}

}  // namespace ossfs2::oss
